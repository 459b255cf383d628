"""Asks for the password, or the second factor, anew before a sensitive action, by allauth's reauthentication.

A page that is opened leads to the confirmation and back. A form that is sent without a recent confirmation is shown
again as a page with the password alone: it carries all that was typed, and sends it on with the password.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from allauth.account.decorators import reauthentication_required
from allauth.account.forms import ReauthenticateForm
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from accounts.requests import HtmxRequest
from accounts.second_factor import is_enabled
from web.access import Policy, get_policy

V = TypeVar("V", bound="Callable[..., object]")

_PREFIX = "confirmation"


class ConfirmedRecently:
    """Access policy: another one's, then a confirmation by password or second factor in the last minutes.

    `when`: which requests need it; all by default.
    """

    def __init__(self, policy: Policy, when: Callable[[HttpRequest], bool] | None = None) -> None:
        self.policy = policy
        self.when = when
        self.label = f"{policy.label}; confirmed {'recently' if when is None else 'for some requests'}"
        self.roles: frozenset[str] = getattr(policy, "roles", frozenset())

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response of the other policy, else the confirmation page, else None."""
        response = self.policy(request)
        if response is None and self.applies_to(request):
            response = ask_for_confirmation(request)
        return response

    def applies_to(self, request: HttpRequest) -> bool:
        """Return whether the request needs a confirmation."""
        return self.when is None or self.when(request)


def confirmed_recently(*, when: Callable[[HttpRequest], bool] | None = None) -> Callable[[V], V]:
    """Return a decorator that adds the confirmation to a view's policy. Raises `TypeError` for a view without one."""

    def decorate(view: V) -> V:
        policy = get_policy(view)
        if policy is None:
            raise TypeError("A confirmation adds to an access policy: put this decorator above it.")
        view.access_policy = ConfirmedRecently(policy, when)  # type: ignore[attr-defined]
        return view

    return decorate


def ask_for_confirmation(
    request: HttpRequest, *, template: str = "account/confirm_and_send.html", cancel_url: str = ""
) -> HttpResponse | None:
    """Return None where the user confirmed recently, or does so by this request; else the page to show instead.

    `template`: of the page shown after a form was sent, for a site with a frame of its own; `cancel_url`: where its
    « Annuler » leads.
    """
    if _is_confirmed(request):
        return None
    confirm_url = reverse("account_reauthenticate")
    if cast("HtmxRequest", request).htmx:
        current_url = cast("HtmxRequest", request).htmx.current_url_abs_path or "/"
        return HttpResponseClientRedirect(redirect_to_login(current_url, confirm_url).url)
    if request.method != "POST":
        return redirect_to_login(request.get_full_path(), confirm_url)
    return _confirm_with_the_form(request, template, cancel_url)


@reauthentication_required
def _pass_confirmed(_request: HttpRequest) -> None:
    pass


def _is_confirmed(request: HttpRequest) -> bool:
    try:
        _pass_confirmed(request)
    except ReauthenticationRequired:
        return False
    return True


def _confirm_with_the_form(request: HttpRequest, template: str, cancel_url: str) -> HttpResponse | None:
    """Check the password or code sent beside a form; return None where it is right, else the page that asks for it."""
    data = request.POST if any(name.startswith(f"{_PREFIX}-") for name in request.POST) else None
    user = cast("User", request.user)
    from accounts.mfa_forms import ConfirmCodeForm  # noqa: PLC0415 - a middleware needs this module, not passkeys

    form: Any
    if user.has_usable_password():
        form = ReauthenticateForm(data, user=user, prefix=_PREFIX)
    elif is_enabled(user):
        form = ConfirmCodeForm(data, user=user, prefix=_PREFIX)
    else:
        raise PermissionDenied("Ce compte n'a ni mot de passe ni second facteur : il ne peut rien confirmer.")
    typed = request.POST.copy()
    for name in [name for name in typed if name.startswith(f"{_PREFIX}-")]:
        del typed[name]
    if form.is_valid():
        if isinstance(form, ConfirmCodeForm):
            form.save()
        else:
            reauthenticate_by_password(request)
        # The view reads its own fields alone.
        request.POST = typed  # type: ignore[assignment]
        return None
    fields = [(name, value) for name, values in typed.lists() for value in values if name != "csrfmiddlewaretoken"]
    content = {
        "form": form,
        "fields": fields,
        "url": request.get_full_path(),
        "has_files": bool(request.FILES),
        "cancel_url": cancel_url,
    }
    response = render(request, template, content, status=200 if data is None else 422)
    response["Cache-Control"] = "no-store"
    return response
