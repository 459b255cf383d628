"""Overrides of allauth's views: sign-out, password reset, address confirmation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from allauth.account import views as allauth_views
from allauth.account.forms import UserTokenForm
from allauth.account.models import EmailConfirmationHMAC
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name

from accounts import password_resets, throttling
from accounts.client_ip import get_client_ip
from accounts.forms import PasswordResetRequestForm
from accounts.rate_limits import RESET_BY_NETWORK
from core.tenant_connection import connection
from web.link_page import opens_link
from web.link_sessions import forget_link_token, get_link_token, keep_link_token


class PasswordResetRequestView(allauth_views.PasswordResetView):
    """Take an address and always give the same response: a worker looks the accounts up."""

    def get_form_class(self) -> type[PasswordResetRequestForm]:
        """Return a form that makes no database query."""
        return PasswordResetRequestForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Queue the password reset, rate-limited by network."""
        now = timezone.now()
        try:
            throttling.count_attempts([(RESET_BY_NETWORK, throttling.get_network(get_client_ip(self.request)))], at=now)
        except throttling.RateLimitExceeded as throttled:
            form.add_error(None, str(throttled))
            response: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=429)
            return response
        password_resets.request_reset(email=form.cleaned_data["email"], host=self.request.get_host(), at=now)
        return redirect("account_reset_password_done")


@opens_link
@sensitive_variables("token", "key")
def open_reset_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    uidb36, _, key = token.partition("-")
    if not UserTokenForm(data={"uidb36": uidb36, "key": key}).is_valid():
        return render(request, "account/password_reset_from_key.html", {"token_fail": True}, status=HTTPStatus.GONE)
    keep_link_token(request, _name_reset(uidb36), key)
    return redirect("account_reset_password_from_key", uidb36=uidb36, key=NewPasswordView.reset_url_key)


def _name_reset(uidb36: str) -> str:
    return f"reset-{uidb36}"


class NewPasswordView(allauth_views.PasswordResetFromKeyView):
    """The page of a reset link. Allauth keeps its token in the session in clear; here it is sealed between requests."""

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase:
        """Respond as allauth does."""
        name = _name_reset(uidb36)
        if key == self.reset_url_key:
            request.session[allauth_views.INTERNAL_RESET_SESSION_KEY] = get_link_token(request, name) or ""
        response = super().dispatch(request, uidb36, key, **kwargs)
        # Also where allauth signed another account out meanwhile: it keeps the token in the new session.
        token = request.session.pop(allauth_views.INTERNAL_RESET_SESSION_KEY, "")
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            forget_link_token(request, name)
        elif token:
            keep_link_token(request, name, token)
        return response


class SignOutView(allauth_views.LogoutView):
    """Ends the session, and has the browser clear what pages of an office stored in it.

    Not what the portal's stored: the first names that a teacher keeps on their device stay there, encrypted under a key
    that only a signed-in teacher of the class is given (docs/decisions/0125).

    Not « cookies », which a browser clears for the whole registered domain: for the other offices, and for whatever
    else the operator serves there. The session's own cookie is deleted by name. Not « cache »: no page of a session is
    cached.
    """

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out, then redirect."""
        response: HttpResponse = super().post(*args, **kwargs)
        if connection.schema_name != get_public_schema_name():
            response["Clear-Site-Data"] = '"storage"'
        return response


@opens_link
@sensitive_variables("token")
def open_confirmation_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    if EmailConfirmationHMAC.from_key(token) is None:
        return render(request, "account/email_confirm.html", status=HTTPStatus.GONE)
    keep_link_token(request, ConfirmAddressView.link_name, token)
    return redirect("account_confirm_email", key=ConfirmAddressView.kept)


class ConfirmAddressView(allauth_views.ConfirmEmailView):
    """The page of a confirmation link; its message repeats the username to users about to sign in."""

    #: In place of the key in the page's path: the one that is kept in the session.
    kept = "cette-adresse"
    link_name = "confirmation"

    def dispatch(self, request: HttpRequest, key: str, **kwargs: Any) -> HttpResponseBase:
        """Respond as allauth does, with the key of the session; leave the path of an old link at once."""
        if key != self.kept:
            return open_confirmation_link(request, key)
        self.kwargs["key"] = token = get_link_token(request, self.link_name) or ""
        if not token:
            return render(request, "account/email_confirm.html", status=HTTPStatus.GONE)
        response = super().dispatch(request, key=token, **kwargs)
        if request.method == "POST":
            forget_link_token(request, self.link_name)
        else:
            # Also where allauth signed another account out, with its session.
            keep_link_token(request, self.link_name, token)
        return response

    def respond(self, success: bool) -> HttpResponse:  # noqa: FBT001 - allauth's signature
        """Add a success message, then redirect."""
        if success:
            address = self.object.email_address
            if self.request.user.is_authenticated:
                messages.success(self.request, f"{address.email} est désormais l'adresse de votre compte.")
            else:
                messages.success(
                    self.request,
                    f"votre adresse est confirmée. Connectez-vous avec l'identifiant « {address.user.username} ».",
                )
        response: HttpResponse = super().respond(success)
        return response
