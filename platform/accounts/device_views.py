"""The page « Mes appareils », at every host."""

from __future__ import annotations

import datetime

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import devices, known_origins
from accounts.reauthentication import confirmed_recently
from accounts.requests import AuthenticatedRequest
from core.formatting import pluralize
from core.link_tokens import hash_token
from web.access import signed_in


def _changes_something(request: HttpRequest) -> bool:
    return request.method == "POST"


@confirmed_recently(when=_changes_something)
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def show_devices(request: AuthenticatedRequest) -> HttpResponse:
    """Show the open sessions and the known devices of the account; end one, or all others."""
    now = timezone.now()
    if request.method == "POST":
        _end_what_was_chosen(request, now)
        return redirect("account_devices")
    origin = known_origins.read_origin(request)
    current_key = hash_token(request.session.session_key or "")
    sessions = [
        {"session": session, "is_current": session.key == current_key, "is_here": session.network == origin.network}
        for session in devices.list_sessions(request.user, at=now)
    ]
    known = [
        {"device": device, "is_current": devices.is_device_of(origin, device, request.user)}
        for device in devices.list_devices(request.user, at=now)
    ]
    others = [row for row in (*sessions, *known) if not row["is_current"]]
    return render(
        request, "accounts/devices.html", {"sessions": sessions, "devices": known, "has_others": bool(others)}
    )


def _end_what_was_chosen(request: AuthenticatedRequest, now: datetime.datetime) -> None:
    user = request.user
    if "autres" in request.POST:
        ended = devices.end_others(
            user=user,
            session_key=request.session.session_key or "",
            origin=known_origins.read_origin(request),
            at=now,
        )
        update_session_auth_hash(request, user)
        words = pluralize(ended, "autre session est fermée", "autres sessions sont fermées") if ended else ""
        messages.success(request, f"{words or 'aucune autre session n’était ouverte'}, les autres appareils oubliés.")
    elif key := request.POST.get("session"):
        if devices.end_session(user=user, key=key, at=now):
            messages.success(request, "la session est fermée : cet appareil devra se connecter à nouveau.")
        else:
            messages.info(request, "cette session était déjà fermée.")
    elif devices.forget_device(user=user, device_id=request.POST.get("appareil", ""), at=now):
        messages.success(request, "l’appareil est oublié.")
    else:
        messages.info(request, "cet appareil était déjà oublié.")
