"""« Mes données personnelles »: downloading what the site knows of one, and deleting one's account."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, cast

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
from accounts.throttling import Limit, Throttled
from collectivities.exceptions import LastManager
from pages.my_account import privacy_closing, privacy_export
from pages.my_account.privacy_closing import OperatorStays
from web.access import signed_in

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User

# Whoever sits down at a computer left open must not find the password by trying.
BY_ACCOUNT = Limit("close/account", 5, datetime.timedelta(minutes=15))


class PasswordForm(forms.Form):
    """The password once more, before what cannot be taken back."""

    password = forms.CharField(
        label="Votre mot de passe",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


@signed_in
@require_safe
@never_cache
def download(request: HttpRequest) -> HttpResponse:
    """Hand over everything the site knows of whoever asks, as a file."""
    now = timezone.now()
    text = privacy_export.as_text(privacy_export.gathered(cast("User", request.user), at=now))
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="mes-donnees-peps-{timezone.localdate(now)}.json"'
    return answer


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters()
@sensitive_variables("form")
def close(request: HttpRequest) -> HttpResponse:
    """Say what deleting the account does, ask the password, then do it."""
    if request.method != "POST":
        return _page(request, PasswordForm())
    user = cast("User", request.user)
    form = PasswordForm(request.POST)
    try:
        if not form.is_valid() or not _confirmed(form, user):
            return _page(request, form, status=422)
        privacy_closing.close_account(user_id=user.pk, at=timezone.now())
    except Throttled as throttled:
        form.add_error("password", str(throttled))
        answer = _page(request, form, status=429)
        answer["Retry-After"] = str(throttled.retry_after)
        return answer
    except (LastManager, OperatorStays):
        # The page itself says why, and whom to ask.
        return _page(request, PasswordForm(), status=409)
    logout(request)
    messages.success(request, "votre compte est supprimé. Un dernier e-mail vous le confirme.")
    return redirect("home")


def _confirmed(form: PasswordForm, user: User) -> bool:
    """Tell whether the password is the account's; a wrong one is said beside the field. Raises `Throttled`."""
    subjects = [(BY_ACCOUNT, str(user.pk))]
    throttling.count(subjects, at=timezone.now())
    if not user.check_password(form.cleaned_data["password"]):
        form.add_error("password", "Ce n'est pas votre mot de passe.")
        return False
    throttling.give_back(subjects)
    return True


def _page(request: HttpRequest, form: PasswordForm, *, status: int = 200) -> HttpResponse:
    user = cast("User", request.user)
    content = {"form": form, "consequences": privacy_closing.consequences(user)}
    return render(request, "pages/my_account_close.html", content, status=status)
