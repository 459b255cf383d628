"""The office's settings page, second-factor requirement, and logo."""

from __future__ import annotations

import hashlib

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_GET, require_http_methods

from accounts.reauthentication import confirmed_recently
from collectivities import second_factor_rule
from collectivities.access import OfficeHttpRequest, office
from collectivities.exceptions import CollectivityError, SecondFactorFirst
from collectivities.forms import SettingsForm
from collectivities.models import OfficeSettings, Role
from collectivities.office_contact import get_office_contact, list_settings_to_do
from collectivities.operations.presentation import set_presentation
from collectivities.operations.security import set_second_factor_requirement
from collectivities.queries import get_office_settings
from web.access import public_page
from web.email_frame import FRAMING_CSP


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
@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
@csp_override(FRAMING_CSP)
def edit_settings(request: OfficeHttpRequest) -> HttpResponse:
    """Show and change the office's settings."""
    current = get_office_settings()
    # Letters name the first manager until somebody is named here.
    suggested = {} if current.contact_name else {"contact_name": get_office_contact(current).name}
    form = SettingsForm(request.POST or None, request.FILES or None, instance=current, initial=suggested)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        upload = data.pop("logo")
        try:
            set_presentation(**data, logo=upload.read() if upload else None, by=request.member.user, at=timezone.now())
        except CollectivityError as refusal:
            form.add_error("logo" if refusal.code == "invalid_logo" else None, str(refusal))
        else:
            messages.success(request, "les réglages sont enregistrés.")
            return redirect("office_settings")
    return render(request, "collectivities/settings.html", _settings_context(form, current))


def _settings_context(form: SettingsForm, current: OfficeSettings) -> dict[str, object]:
    """Return the context of the settings page."""
    # Not `current`, which a refused form has filled.
    stored = get_office_settings()
    return {
        "form": form,
        "has_logo": current.logo is not None,
        "to_do": list_settings_to_do(stored),
        "stored": stored,
        "contact": get_office_contact(stored),
        "second_factor_asked": second_factor_rule.is_required(current),
        "without_second_factor": second_factor_rule.list_members_without(),
    }


@confirmed_recently()
@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
def edit_second_factor(request: OfficeHttpRequest) -> HttpResponse:
    """Say what requiring a second factor, or no longer, means; then do it."""
    if request.method != "POST":
        content = {
            "needed": not second_factor_rule.is_required(get_office_settings()),
            "without_second_factor": second_factor_rule.list_members_without(),
        }
        return render(request, "collectivities/second_factor_rule.html", content)
    needed = request.POST.get("demander") == "oui"
    try:
        set_second_factor_requirement(needed=needed, by=request.member.user, at=timezone.now())
    except SecondFactorFirst as refusal:
        messages.error(request, str(refusal))
        return redirect_to_login(reverse("office_second_factor"), reverse("mfa_index"))
    messages.success(
        request,
        "la double authentification est désormais demandée aux gestionnaires et aux acheteurs. Les autres "
        "gestionnaires sont prévenus par e-mail."
        if needed
        else "la double authentification n'est plus demandée. Les autres gestionnaires sont prévenus par e-mail.",
    )
    return redirect("office_settings")


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
