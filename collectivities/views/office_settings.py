"""The office's settings page, second-factor requirement, and logo."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.reauthentication import confirmed_recently
from collectivities.access import office
from collectivities.exceptions import CollectivityError, SecondFactorFirst
from collectivities.forms import SettingsForm
from collectivities.models import Role
from collectivities.operations.presentation import set_presentation
from collectivities.operations.security import set_second_factor_requirement
from collectivities.queries import get_office_settings, list_managers_without_second_factor
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest

    from collectivities.access import OfficeHttpRequest
    from collectivities.models import OfficeSettings


def _changes_reply_address(request: HttpRequest) -> bool:
    """Return whether the form that is sent has another reply address than the stored one."""
    return request.method == "POST" and request.POST.get("reply_to", "").strip() != get_office_settings().reply_to


@confirmed_recently(when=_changes_reply_address)
@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
def edit_settings(request: OfficeHttpRequest) -> HttpResponse:
    """Show and change the office's settings."""
    current = get_office_settings()
    form = SettingsForm(request.POST or None, request.FILES or None, instance=current)
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
    return {
        "form": form,
        "has_logo": current.logo is not None,
        "second_factor_asked": current.managers_need_second_factor,
        "without_second_factor": list_managers_without_second_factor(),
    }


@office(Role.MANAGER)
@require_POST
def edit_second_factor(request: OfficeHttpRequest) -> HttpResponse:
    """Require a second factor of managers, or stop requiring it."""
    needed = request.POST.get("demander") == "oui"
    try:
        set_second_factor_requirement(needed=needed, by=request.member.user, at=timezone.now())
    except SecondFactorFirst as refusal:
        messages.error(request, str(refusal))
        return redirect_to_login(reverse("office_settings"), reverse("mfa_activate_totp"))
    messages.success(
        request,
        "la double authentification est désormais demandée aux gestionnaires."
        if needed
        else "la double authentification n'est plus demandée aux gestionnaires.",
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
