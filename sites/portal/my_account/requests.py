"""Views of requests: a teacher's to their principal, a principal's to a collectivity; each makes one operation call."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Profile
from accounts.requests import AuthenticatedRequest
from collectivities.queries import SUPPORT_PHONE
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import collectivity_forms, format_school_year
from licensing.catalogue.operations import get_last_day
from licensing.entitlements.overview import count_free_licences
from licensing.requests.school_requests import operations, queries
from licensing.requests.school_requests.models import MAX_REASON, MAX_UNITS, TeacherRequest
from licensing.requests.school_requests.operations import BadRequestSentence, BadRequestUnits
from licensing.requests.school_requests.queries import list_collectivities_to_ask, list_years_to_ask
from schools.models import Affiliation, School
from sites.portal.my_account.page import SCHOOL_SESSION_KEY, Notice, parse_pk, render_page, respond
from tenants.models import Collectivity
from web.access import signed_in
from web.page_actions import page_action


class AskCollectivityForm(forms.Form):
    """How many licences, for which school year, of which collectivity, and why."""

    # Choices are set in __init__: those of the school, and of the day.
    collectivity = forms.TypedChoiceField(label="Collectivité", coerce=int)
    school_year = forms.TypedChoiceField(label="Année scolaire", coerce=int)
    units = forms.IntegerField(
        label="Nombre de licences",
        min_value=1,
        max_value=MAX_UNITS,
        help_text="1 licence = 1 classe = 1 enseignant et 30 comptes élèves.",
    )
    reason = forms.CharField(
        label="Pourquoi",
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Une phrase, que la collectivité lira. Ne nommez personne : elle n’a pas à savoir qui enseigne.",
    )

    def __init__(self, *args: Any, collectivities: Sequence[Collectivity], years: Sequence[int], **kwargs: Any) -> None:
        """Build the form. `collectivities`, `years`: what may be chosen, the likelier first."""
        super().__init__(*args, **kwargs)
        choices = {
            "collectivity": [(one.pk, one.name) for one in collectivities],
            "school_year": [(year, format_school_year(year)) for year in years],
        }
        for name, offered in choices.items():
            cast("forms.TypedChoiceField", self.fields[name]).choices = offered


#: Where a refusal stands in the form; elsewhere it stands above.
_FIELDS: dict[type[DomainError], str] = {BadRequestSentence: "reason", BadRequestUnits: "units"}


def _refuse(request: AuthenticatedRequest, refusal: DomainError) -> HttpResponse:
    return render_page(request, status=409, request_refusal=refusal)


@signed_in
@require_POST
@page_action("my_account", refused=_refuse)
def ask_principal(request: AuthenticatedRequest) -> str:
    """Ask the principals of the teacher's school for a licence."""
    operations.ask_principal(uai=request.POST.get("uai", "")[:8], by=request.user, at=timezone.now())
    return "Votre demande est chez votre direction : elle la voit dans son compte."


@signed_in
@require_POST
@page_action("my_account", refused=_refuse)
def withdraw_own(request: AuthenticatedRequest) -> str:
    """Withdraw the teacher's own request."""
    request_id = parse_pk(request.POST.get("demande", ""))
    operations.withdraw_teacher_request(request_id=request_id, by=request.user, at=timezone.now())
    return "Votre demande est retirée."


@signed_in
@require_http_methods(["GET", "POST"])
def refuse_teacher(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Ask for an optional sentence, then refuse a teacher's request."""
    led = Affiliation.objects.filter(user=request.user, verified_at__isnull=False, school__isnull=False)
    waiting = TeacherRequest.objects.filter(school__in=led.values("school")).select_related("teacher", "school")
    asked = waiting.filter(pk=pk).first()
    if asked is None or request.user.profile != Profile.PRINCIPAL:
        raise Http404("No request of a school that the user leads.")
    sentence, refusal, status = request.POST.get("phrase", ""), "", 200
    if request.method == "POST":
        try:
            operations.refuse_teacher_request(request_id=pk, sentence=sentence, by=request.user, at=timezone.now())
        except BadRequestSentence as refused:
            refusal, status = str(refused), 422
        except DomainError as refused:
            return render_page(request, status=409, notice=Notice(sentence=str(refused), refused=True))
        else:
            message = f"La demande de {asked.teacher} est refusée : un e-mail l'en informe."
            return respond(request, Notice(sentence=message, row=f"t{asked.teacher_id}"))
    content = {"asked": asked, "sentence": sentence[:1000], "refusal": refusal}
    return render(request, "portal/my_account_refuse.html", content, status=status)


@signed_in
@require_http_methods(["GET", "POST"])
def ask_collectivity(request: AuthenticatedRequest) -> HttpResponse:
    """Show whom a principal's school may ask for licences, and send the request."""
    school = _get_led_school(request)
    if school is None:
        return render(request, "portal/my_account_request.html", {"school": None})
    now = timezone.now()
    today = date_in_paris(now)
    years = list_years_to_ask(today)
    collectivities = list_collectivities_to_ask(school)
    waiting = queries.list_teacher_requests(school.pk).count()
    initial = {"units": waiting or 1}
    form = AskCollectivityForm(request.POST or None, collectivities=collectivities, years=years, initial=initial)
    status, refusal = 200, ""
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                asked = operations.ask_collectivity(
                    uai=school.pk,
                    collectivity_id=data["collectivity"],
                    school_year=data["school_year"],
                    units=data["units"],
                    reason=data["reason"],
                    by=request.user,
                    at=now,
                )
            except DomainError as error:
                field = _FIELDS.get(type(error))
                if field is None:
                    status, refusal = 409, str(error)
                else:
                    form.add_error(field, str(error))
            else:
                to = collectivity_forms(asked.collectivity.name).to_the
                messages.success(request, f"Votre demande est envoyée {to} : sa réponse viendra par e-mail.")
                return redirect("my_account_request")
    year_end = get_last_day(today).replace(year=years[0])
    asked_before = queries.list_of_school(school.pk)
    content = {
        "school": school,
        "form": form,
        "refusal": refusal,
        "collectivities": collectivities,
        "asked": asked_before,
        "waiting": waiting,
        "free": count_free_licences(request.user, ends_on=year_end, at=now).get(school.pk, 0),
        # A request for each year that may be asked for waits already.
        "closed": set(years) <= {one.school_year for one in asked_before if one.is_pending},
        "may_withdraw": any(one.is_waiting for one in asked_before),
        "support_phone": SUPPORT_PHONE,
    }
    return render(request, "portal/my_account_request.html", content, status=status)


@signed_in
@require_POST
@page_action("my_account_request")
def withdraw_collectivity(request: AuthenticatedRequest) -> str:
    """Withdraw a school's request to a collectivity."""
    request_id = parse_pk(request.POST.get("demande", ""))
    operations.withdraw_request(request_id=request_id, by=request.user, at=timezone.now())
    return "La demande de votre école est retirée."


@signed_in
@require_POST
@page_action("my_account")
def choose_letters(request: AuthenticatedRequest) -> str:
    """Have the e-mail about waiting teachers sent to the principal, or not."""
    wanted = "oui" in request.POST.getlist("e-mails")
    operations.set_letters(user=request.user, wanted=wanted, at=timezone.now())
    if wanted:
        return "Vous recevrez un e-mail quand quelqu'un demande."
    return "Vous ne recevrez plus d'e-mail des demandes."


def _get_led_school(request: AuthenticatedRequest) -> School | None:
    """Return the displayed school of a principal who is verified to lead it, else the first that they lead."""
    if request.user.profile != Profile.PRINCIPAL:
        raise Http404("Not a principal.")
    led = Affiliation.objects.filter(user=request.user, verified_at__isnull=False, school__isnull=False)
    affiliations = list(led.select_related("school").order_by("since", "pk"))
    shown = request.session.get(SCHOOL_SESSION_KEY, "")
    chosen = next((one for one in affiliations if one.school_id == shown), None) or next(iter(affiliations), None)
    return None if chosen is None else chosen.school
