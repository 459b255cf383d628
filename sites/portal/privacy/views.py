"""« Mes données personnelles »: download the personal data, and delete the account."""

from __future__ import annotations

import datetime

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import throttling
from accounts.models import User
from accounts.personal_data import OperatorAccountNotClosable
from accounts.requests import AuthenticatedRequest
from accounts.throttling import RateLimit, RateLimitExceeded
from collectivities.exceptions import LastManager
from core.calendar import date_in_paris
from sites.portal.privacy.account_closure import close_account, get_consequences
from sites.portal.privacy.export import export_personal_data, to_json
from web.access import signed_in

# Prevents guessing the password from an unattended session.
PASSWORD_LIMIT = RateLimit("close/account", 5, datetime.timedelta(minutes=15))


class PasswordForm(forms.Form):
    """The password, before an irreversible action."""

    password = forms.CharField(
        label="Votre mot de passe",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


@signed_in
@require_safe
@never_cache
def download_personal_data(request: AuthenticatedRequest) -> HttpResponse:
    """Return the user's personal data as a JSON file."""
    now = timezone.now()
    text = to_json(export_personal_data(request.user, at=now))
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="mes-donnees-peps-{date_in_paris(now)}.json"'
    return response


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters()
@sensitive_variables("form")
def close_account_page(request: AuthenticatedRequest) -> HttpResponse:
    """Show the consequences, ask for the password, then delete the account."""
    if request.method != "POST":
        return _render_page(request, PasswordForm())
    user = request.user
    form = PasswordForm(request.POST)
    try:
        if not form.is_valid() or not _check_password(form, user):
            return _render_page(request, form, status=422)
        close_account(user_id=user.pk, at=timezone.now())
    except RateLimitExceeded as throttled:
        form.add_error("password", str(throttled))
        response = _render_page(request, form, status=429)
        response["Retry-After"] = str(throttled.retry_after)
        return response
    except (LastManager, OperatorAccountNotClosable):
        # The page itself explains why.
        return _render_page(request, PasswordForm(), status=409)
    logout(request)
    messages.success(request, "votre compte est supprimé. Un dernier e-mail vous le confirme.")
    return redirect("home")


def _check_password(form: PasswordForm, user: User) -> bool:
    """Check the password; add an error to the form for a wrong one. Raises `RateLimitExceeded`."""
    subjects = [(PASSWORD_LIMIT, str(user.pk))]
    throttling.count_attempts(subjects, at=timezone.now())
    if not user.check_password(form.cleaned_data["password"]):
        form.add_error("password", "Ce n'est pas votre mot de passe.")
        return False
    throttling.refund_attempts(subjects)
    return True


def _render_page(request: AuthenticatedRequest, form: PasswordForm, *, status: int = 200) -> HttpResponse:
    user = request.user
    content = {"form": form, "consequences": get_consequences(user)}
    return render(request, "portal/my_account_close.html", content, status=status)
