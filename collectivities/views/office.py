"""The office's settings page, second-factor requirement, and logo."""

import datetime
import hashlib

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import throttling
from accounts.known_origins import get_client_ip
from accounts.reauthentication import confirmed_recently
from accounts.throttling import limit_downloads
from collectivities import access, office_visits
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.exceptions import SecondFactorFirst, VisitRefused
from collectivities.forms import OfficeRequestForm, SettingsForm
from collectivities.journal import JournalFilter, build_workbook
from collectivities.letters import choose_letters, find_wanted, read_token
from collectivities.models import Member
from collectivities.operations import offices as operations
from collectivities.operations.offices import set_presentation, set_second_factor_requirement
from collectivities.queries import (
    get_current_collectivity,
    get_office_contact,
    get_office_settings,
    list_settings_to_do,
    list_shown_entries,
)
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.formatting import add_nonbreaking_spaces, collectivity_forms
from web.access import public_page
from web.email_frame import FRAMING_CSP
from web.page_actions import RefusalsOn, page_action

#: Against robots: each request sends two e-mails.
PER_NETWORK = throttling.RateLimit("office/network", tries=10, window=datetime.timedelta(hours=1))
PER_EMAIL = throttling.RateLimit("office/email", tries=3, window=datetime.timedelta(days=1))


def _refuse_for_now(request: HttpRequest, refusal: throttling.RateLimitExceeded) -> HttpResponse:
    form = OfficeRequestForm(request.POST)
    form.add_error(None, add_nonbreaking_spaces(str(refusal)))
    return render(request, "collectivities/office_request.html", {"form": form}, status=429)


@public_page
@require_http_methods(["GET", "POST"])
@page_action("office_request_sent", refused=_refuse_for_now, errors=throttling.RateLimitExceeded)
def submit(request: HttpRequest) -> HttpResponse | str:
    """Submit a request for an office. Does not reveal whether the collectivity already has one."""
    form = OfficeRequestForm(request.POST or None)
    if form.is_valid():
        now, sent = timezone.now(), form.cleaned_data
        limits = [(PER_NETWORK, throttling.get_network(get_client_ip(request))), (PER_EMAIL, sent["email"].lower())]
        throttling.count_attempts(limits, at=now)
        with RefusalsOn(form):
            operations.request_office(**sent, at=now)
            return f"Demande de bureau pour « {sent['name']} », SIREN {sent['siren']}, envoyée à l'équipe de Pep's."
    return render(request, "collectivities/office_request.html", {"form": form})


@public_page
@require_GET
def submitted(request: HttpRequest) -> HttpResponse:
    """Confirm the request."""
    return render(request, "collectivities/office_request_sent.html")


@public_page
@never_cache
@sensitive_variables("token")
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Open a visit by its link, and leave the link's address at once."""
    try:
        office_visits.open_visit(request, token, at=timezone.now())
    except VisitRefused as refusal:
        return render(request, "collectivities/office_visit_gone.html", {"refusal": str(refusal)}, status=410)
    return redirect("home")


@public_page
@never_cache
@require_POST
def close(request: HttpRequest) -> HttpResponse:
    """End the visit; a session that is no visit stays."""
    if office_visits.is_visit(request):
        logout(request)
    return redirect("office_visit_closed")


@public_page
@never_cache
@require_GET
def closed(request: HttpRequest) -> HttpResponse:
    """Say that the visit is over, and lead back to the back office."""
    return render(request, "collectivities/office_visit_closed.html")


#: Values of the field `choice`.
STOP, RESUME = "stop", "resume"
#: The body of a mail program's click (RFC 8058).
_ONE_CLICK_FIELD, _ONE_CLICK = "List-Unsubscribe", "One-Click"


# A mail program posts without a cookie; the link itself is what allows it.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@public_page
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the letter shall no longer come; turn it off, or on again."""
    link = read_token(token)
    member = None if link is None else Member.objects.active().filter(pk=link.member_id).first()
    if link is None or member is None or link.letter not in find_wanted(member):
        return render(request, "collectivities/letter_stop_unknown.html", status=410)
    done = ""
    if request.method == "POST":
        one_click = request.POST.get(_ONE_CLICK_FIELD) == _ONE_CLICK
        choice = STOP if one_click else request.POST.get("choice", "")
        if choice in (STOP, RESUME):
            choose_letters(member=member, wanted={link.letter: choice == RESUME}, at=timezone.now())
            done = choice
        if one_click:
            return HttpResponse(status=200)
    context = {
        "letter": link.letter,
        "office": collectivity_forms(get_current_collectivity().name).of_the,
        "done": done,
        "is_wanted": find_wanted(member)[link.letter],
    }
    return render(request, "collectivities/letter_stop.html", context)


PAGE_SIZE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def journal(request: OfficeHttpRequest) -> HttpResponse:
    """List filtered audit entries, newest first."""
    entry_filter = JournalFilter(request.GET, list_shown_entries(timezone.now()))
    page = Paginator(entry_filter.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "collectivities/journal.html", {"filter": entry_filter, "page_obj": page})


@office()
@require_GET
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export filtered audit entries as a workbook."""
    entry_filter = JournalFilter(request.GET, list_shown_entries(timezone.now()))
    name = f"journal-{date_in_paris(timezone.now())}.xlsx"
    return build_file_response(build_workbook(entry_filter.qs), name=name, content_type=XLSX)


def _changes_reply_address(request: HttpRequest) -> bool:
    """Return whether the form that is sent stores another reply address; a refused one stores nothing."""
    if request.method != "POST":
        return False
    stored = get_office_settings()
    # Before validation, which writes on the instance.
    before = stored.reply_to
    form = SettingsForm(request.POST, request.FILES, instance=stored)
    return form.is_valid() and form.cleaned_data["reply_to"] != before


@confirmed_recently(when=_changes_reply_address)
@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@csp_override(FRAMING_CSP)
@page_action("office_settings")
def edit_settings(request: OfficeHttpRequest) -> HttpResponse | str:
    """Show and change the office's settings."""
    current = get_office_settings()
    # Letters name the first manager until somebody is named here.
    suggested = {} if current.contact_name else {"contact_name": get_office_contact(current).name}
    form = SettingsForm(request.POST or None, request.FILES or None, instance=current, initial=suggested)
    if form.is_valid():
        data = form.cleaned_data
        upload = data.pop("logo")
        logo = upload.read() if upload else None
        with RefusalsOn(form):
            set_presentation(**data, logo=logo, by=request.member.user, at=timezone.now())
            return "les réglages sont enregistrés."
    # Not `current`, which a refused form has filled.
    stored = get_office_settings()
    context = {
        "form": form,
        "has_logo": current.logo is not None,
        "to_do": list_settings_to_do(stored),
        "stored": stored,
        "contact": get_office_contact(stored),
        "second_factor_asked": access.is_required(current),
        "without_second_factor": access.list_members_without(),
    }
    return render(request, "collectivities/settings.html", context)


def _lead_to_enrolment(request: HttpRequest, refusal: SecondFactorFirst) -> HttpResponse:
    messages.error(request, str(refusal))
    return redirect_to_login(reverse("office_second_factor"), reverse("mfa_index"))


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@page_action("office_settings", refused=_lead_to_enrolment, errors=SecondFactorFirst)
def edit_second_factor(request: OfficeHttpRequest) -> HttpResponse | str:
    """Say what requiring a second factor, or no longer, means; then do it."""
    if request.method != "POST":
        content = {
            "needed": not access.is_required(get_office_settings()),
            "without_second_factor": access.list_members_without(),
        }
        return render(request, "collectivities/second_factor_rule.html", content)
    needed = request.POST.get("demander") == "oui"
    set_second_factor_requirement(needed=needed, by=request.member.user, at=timezone.now())
    now_is = "est désormais demandée aux gestionnaires et aux acheteurs" if needed else "n'est plus demandée"
    return f"la double authentification {now_is}. Les autres gestionnaires sont prévenus par e-mail."


@public_page
@require_GET
def download_logo(request: HttpRequest) -> HttpResponse:
    """Serve the logo, publicly, as e-mails show it."""
    image = get_office_settings().logo
    if image is None:
        raise Http404("This collectivity has no logo.")
    content = bytes(image)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    unchanged = request.headers.get("If-None-Match") == etag
    response = HttpResponseNotModified() if unchanged else HttpResponse(content, content_type="image/png")
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=3600"
    # Embedded by webmails, which are other origins.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
