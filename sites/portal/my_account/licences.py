"""Views that redeem keys and give, take or give back licences; each makes one operation call.

htmx requests get the part of the page that changed, with the message beside the person it is about; others are
redirected to the page, which says the same.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.known_origins import get_client_ip
from accounts.models import User
from accounts.requests import AuthenticatedRequest
from accounts.throttling import limit_downloads
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import collectivity_forms, join_words, of_name, pluralize
from core.text_templates import read_text_template
from licensing.entitlements import operations, overview, seat_holders
from licensing.entitlements.exceptions import SchoolNotChosen, SubscriptionNotAdministered, TooManyGuesses
from licensing.entitlements.models import Seat, Subscription
from licensing.entitlements.queries import administered_by, may_see_teachers_of
from licensing.entitlements.vouchers import render_vouchers
from licensing.entitlements.wording import describe_start
from licensing.requests.returns import operations as return_operations
from licensing.requests.returns import queries
from licensing.requests.returns.models import MAX_COMMENT
from licensing.requests.returns.wording import describe_demand, describe_given_back, describe_unused
from sites.portal.my_account import page
from sites.portal.my_account.page import (
    SCHOOL_SESSION_KEY,
    Notice,
    get_overview_context,
    parse_pk,
    refuse,
    render_licences_page,
    render_page,
    respond,
)
from web.access import signed_in
from web.page_actions import page_action

#: Value of the field `acte` of the button that keeps what was asked for.
_KEEP = "garder"


class ReturnForm(forms.Form):
    """How many licences to give back, and a sentence for the collectivity that asked."""

    nombre = forms.IntegerField(
        label="Nombre de licences à rendre",
        min_value=1,
        max_value=1_000_000,
        error_messages={
            "required": "Indiquez combien de licences vous rendez.",
            "invalid": "Indiquez un nombre entier de licences.",
            "min_value": "Indiquez un nombre entier de licences, au moins 1.",
            "max_value": "C'est plus qu'il n'y a de licences : corrigez le nombre.",
        },
    )
    mot = forms.CharField(label="Un mot pour la collectivité (facultatif)", required=False, max_length=MAX_COMMENT)


def _refuse(request: AuthenticatedRequest, refusal: DomainError, **_: int) -> HttpResponse:
    if isinstance(refusal, SubscriptionNotAdministered):
        raise Http404("Not a subscription of this principal.") from None
    return render_licences_page(request, status=409, refusal=refusal)


@signed_in
@require_http_methods(["GET", "POST"])
@page_action(refused=_refuse)
def give_back(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Say what giving back means and ask how many; then give them back, or keep what was asked for."""
    subscription, collectivity = return_operations.check_may_give_back(pk, request.user)
    if request.method == "POST":
        return _answer(request, subscription, collectivity.name)
    return _render(request, subscription, collectivity.name)


def _answer(request: AuthenticatedRequest, subscription: Subscription, giver: str) -> HttpResponse:
    form = ReturnForm(request.POST)
    keeps = request.POST.get("acte") == _KEEP
    if keeps:
        # The number is of no matter then.
        form.errors.pop("nombre", None)
    if form.errors:
        return _render(request, subscription, giver, form=form, status=422)
    at, comment = timezone.now(), form.cleaned_data["mot"]
    try:
        if keeps:
            return_operations.keep(
                request_id=parse_pk(request.POST.get("demande", "")), by=request.user, at=at, comment=comment
            )
            sentence = (
                f"Votre réponse est enregistrée : vous gardez ces licences. {_start(giver)} le lit dans son espace."
            )
        else:
            done = return_operations.give_back(
                subscription_id=subscription.pk,
                units=form.cleaned_data["nombre"],
                by=request.user,
                at=at,
                comment=comment,
            )
            sentence = describe_given_back(done.licence_return.units, done.left, done.giver)
    except DomainError as refusal:
        return _render(request, subscription, giver, form=form, refusal=str(refusal), status=409)
    messages.success(request, formatting.add_nonbreaking_spaces(sentence))
    return redirect("my_account_licences")


def _start(giver: str) -> str:
    return formatting.start_sentence(collectivity_forms(giver).the)


def _render(
    request: AuthenticatedRequest,
    subscription: Subscription,
    giver: str,
    *,
    form: ReturnForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    key_id, now = subscription.key_id, timezone.now()
    unused = queries.count_unused([key_id]).get(key_id, 0)
    demand = queries.list_open_requests([key_id], now).get(key_id)
    proposed = min(demand.units, unused) if demand is not None else unused
    content = {
        "tab": "licences",
        "subscription": subscription,
        "unused": unused,
        "unused_words": describe_unused(unused, str(subscription.key.entitlement.product), giver),
        "demand": demand,
        "demand_words": describe_demand(demand) if demand is not None else "",
        "form": form or ReturnForm(initial={"nombre": proposed}),
        "max_comment": MAX_COMMENT,
        "refusal": refusal,
    }
    return render(request, "portal/my_account_return.html", content, status=status)


@signed_in
@require_POST
@page_action("my_account_licences", refused=_refuse)
def undo_return(request: AuthenticatedRequest) -> str:
    """Take again what was given back within the hour."""
    done = return_operations.undo_return(
        return_id=parse_pk(request.POST.get("retour", "")), by=request.user, at=timezone.now()
    )
    again = formatting.pluralize(done.licence_return.units, "licence est", "licences sont")
    return f"{again} de nouveau à vous, sous la même clé : le retour est annulé."


def _read_key(request: AuthenticatedRequest) -> str:
    return request.POST.get("cle", "")[:200]


def _refuse_key(request: AuthenticatedRequest, refusal: DomainError) -> HttpResponse:
    content: dict[str, Any] = {"key_refusal": refusal, "key_typed": _read_key(request)}
    if isinstance(refusal, SchoolNotChosen):
        content["join"] = refusal.school
    if request.htmx:
        # htmx only swaps 409 in, so a rate limit is a 409 too.
        return render(request, "portal/_key_field.html", {**get_overview_context(request), **content}, status=409)
    return render_page(request, status=429 if isinstance(refusal, TooManyGuesses) else 409, **content)


@signed_in
@require_POST
@sensitive_post_parameters("cle")
@page_action(refused=_refuse_key)
def enter_key(request: AuthenticatedRequest) -> HttpResponse:
    """Redeem the key for a principal, or claim one of its units for a teacher."""
    entered = operations.enter_key(
        code=_read_key(request),
        by=request.user,
        address=get_client_ip(request),
        at=timezone.now(),
        school=request.session.get(SCHOOL_SESSION_KEY) or None,
    )
    if isinstance(entered, Subscription):
        if entered.has_other_schools and entered.school_id:
            # Of who has several alone: others are spared the commit of a session.
            request.session[SCHOOL_SESSION_KEY] = entered.school_id
        sentence = f"{pluralize(entered.size, 'licence')} pour votre établissement : donnez-les à vos enseignants."
    else:
        start = _describe_start(entered)
        sentence = f"La licence est à vous : utilisable {start}." if start else "Votre licence est active."
    messages.success(request, sentence)
    return HttpResponseClientRedirect(reverse("my_account")) if request.htmx else redirect("my_account")


@signed_in
@require_POST
def assign(request: AuthenticatedRequest) -> HttpResponse:
    """Give a licence of the subscription to the teacher of the row, or to all ticked teachers."""
    user = request.user
    row = request.POST.get("enseignant")
    subscription_id = parse_pk(request.POST.get("abonnement", ""))
    chosen = [parse_pk(row)] if row is not None else [parse_pk(one) for one in request.POST.getlist("enseignants")]
    person = chosen[0] if row is not None else None
    try:
        assigned = operations.assign_many(
            subscription_id=subscription_id, teacher_ids=chosen, by=user, at=timezone.now()
        )
    except DomainError as refusal:
        ticked = set(chosen) if row is None else set()
        return refuse(request, refusal, row=_row_of(person), ticked=ticked, chosen=subscription_id)
    already = join_words([str(teacher) for teacher in assigned.already])
    content = {"assigned": assigned, "user": user, "start": _describe_start(assigned.seats[0]), "already": already}
    return respond(
        request,
        Notice(
            sentence="".join(read_text_template("portal/sentences/assigned.txt", content)[""]),
            row=_row_of(assigned.seats[0].holder_id if len(assigned.seats) == 1 else None),
            seats=tuple(seat.pk for seat in assigned.seats),
            focus=page.NEXT,
        ),
    )


@signed_in
@require_POST
def undo(request: AuthenticatedRequest) -> HttpResponse:
    """Take back licences given a moment ago: « Annuler »."""
    seat_ids = [parse_pk(one) for one in request.POST.get("annuler", "").split(",")]
    person = Seat.objects.filter(pk__in=seat_ids[:1]).values_list("holder", flat=True).first()
    try:
        teachers = seat_holders.undo_assignments(seat_ids=seat_ids, by=request.user, at=timezone.now())
    except DomainError as refusal:
        return refuse(request, refusal, row=_row_of(person if len(seat_ids) == 1 else None))
    names = join_words([str(teacher) for teacher in teachers])
    if len(teachers) > 1:
        sentence = f"C'est annulé pour {names} : les licences sont de nouveau disponibles, aucun e-mail n'est parti."
    else:
        sentence = f"C'est annulé{f' pour {names}' if names else ''} : la licence est de nouveau disponible."
    one = teachers[0].pk if len(teachers) == 1 else None
    return respond(request, Notice(sentence=sentence, row=_row_of(one), focus=page.SAME if one else page.NEXT))


def _describe_start(seat: Seat) -> str:
    return describe_start(seat.subscription.key.entitlement, date_in_paris(timezone.now()))


@signed_in
@require_safe
@limit_downloads
@page_action(refused=_refuse)
def print_vouchers(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return a PDF of vouchers to hand out to teachers, one for each free unit."""
    subscription = get_object_or_404(
        Subscription.objects.filter(administered_by(request.user)).select_related(
            "school", "principal", "key__entitlement__product", "key__entitlement__collectivity"
        ),
        pk=pk,
    )
    return render_vouchers(subscription, by=request.user, at=timezone.now())


@signed_in
@require_POST
def join_teacher(request: AuthenticatedRequest) -> HttpResponse:
    """Affiliate a suggested teacher with the school, so that a licence can be assigned to them."""
    teacher_id = parse_pk(request.POST.get("ajouter", ""))
    try:
        affiliation = operations.attach_proposed_teacher(
            teacher_id=teacher_id, uai=request.POST.get("uai", ""), by=request.user, at=timezone.now()
        )
    except DomainError as refusal:
        return refuse(request, refusal, row=_row_of(teacher_id))
    sentence = f"{affiliation.user} fait partie de vos enseignants : un e-mail l'en informe."
    return respond(request, Notice(sentence=sentence, row=_row_of(teacher_id), focus=page.SAME))


@signed_in
@require_http_methods(["GET", "POST"])
def release(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show the consequences and ask for confirmation; then release the seat, or pass it to a successor."""
    user = request.user
    if request.method == "GET":
        return _render_release_page(request, user, pk)
    holder, successor = parse_pk(request.POST.get("enseignant", "")), request.POST.get("successeur", "")
    held = Seat.objects.filter(pk=pk, holder=holder).select_related("holder").first()
    try:
        if successor:
            seat = operations.replace(
                seat_id=pk, holder_id=holder, successor_id=parse_pk(successor), by=user, at=timezone.now()
            )
            passed = "La licence et sa classe passent" if overview.has_class(seat) else "La licence passe"
            sentence = f"{passed} à {seat.holder}."
            return respond(request, Notice(sentence=sentence, row=_row_of(seat.holder_id)))
        released = operations.release(seat_id=pk, holder_id=holder, by=user, at=timezone.now())
    except DomainError as refusal:
        return refuse(request, refusal, row=_row_of(holder))
    return respond(request, Notice(sentence=_describe_release(released, held, user), row=_row_of(holder)))


def _describe_release(released: Seat, held: Seat | None, user: User) -> str:
    """Return what became of the seat, which was `held` before, naming its holder to whoever may see who it is."""
    if held is None or held.holder is None:
        return "La licence est retirée et redevient disponible."
    if held.holder == user:
        return "Vous n'avez plus de licence : elle redevient disponible."
    named = f" {of_name(str(held.holder))}" if may_see_teachers_of(user, released.subscription) else ""
    return f"La licence{named} est retirée et redevient disponible."


def _render_release_page(request: AuthenticatedRequest, user: User, pk: int) -> HttpResponse:
    seat = get_object_or_404(
        Seat.objects.held().select_related(
            "holder", "classroom", "subscription__key__entitlement__product", "subscription__school"
        ),
        pk=pk,
        subscription__in=Subscription.objects.filter(administered_by(user)),
    )
    is_own = seat.holder_id == user.pk
    sees_teachers = may_see_teachers_of(user, seat.subscription)
    successors = overview.list_successors(seat) if sees_teachers else ()
    content = {
        "seat": seat,
        "has_class": overview.has_class(seat),
        "own": is_own,
        "named": is_own or sees_teachers,
        "successors": successors,
    }
    return render(request, "portal/my_account_release.html", content)


def _row_of(person_id: int | None) -> str:
    return f"t{person_id}" if person_id is not None else ""
