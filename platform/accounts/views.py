"""Overrides of allauth's views: sign-out, password reset, address confirmation."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from allauth.account import views as allauth_views
from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from accounts import password_resets, throttling
from accounts.client_ip import get_client_ip
from accounts.forms import PasswordResetRequestForm
from accounts.rate_limits import RESET_BY_NETWORK
from core.tenant_connection import connection
from web.link_sessions import forget_link_token, get_link_token, keep_link_token

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, HttpResponseBase


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


class NewPasswordView(allauth_views.PasswordResetFromKeyView):
    """The page of a reset link. Allauth keeps its token in the session in clear; here it is sealed between requests."""

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase:
        """Respond as allauth does."""
        name = f"reset-{uidb36}"
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


class ConfirmAddressView(allauth_views.ConfirmEmailView):
    """The page of a confirmation link; its message repeats the username to users about to sign in."""

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
