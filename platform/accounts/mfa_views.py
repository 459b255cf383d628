"""« Double authentification »: allauth's pages, whose changes are the house's operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from allauth.account.mixins import NextRedirectMixin
from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.auth import clear_totp_secret
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import second_factor

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

#: These pages show or take what opens an account.
private = method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


class Overview(base.IndexView):
    """Whether it is on, what it is, and what can be done."""


@private
class SignInCode(base.AuthenticateView):
    """The code asked for after the password."""


@private
class ConfirmCode(base.ReauthenticateView):
    """The code asked for before something that matters, of accounts that have no password."""


@private
class SwitchOn(NextRedirectMixin, totp.ActivateTOTPView):
    """The square to scan and the first code; then the recovery codes, and on to where one was going."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the secret as people copy it: in groups of four."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        secret = content["form"].secret
        groups = (secret[at : at + 4] for at in range(0, len(secret), 4))
        return content | {"spaced_secret": " ".join(groups)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Switch on. This browser stays signed in; every other one is signed out."""
        user = _user(self.request)
        try:
            second_factor.switch_on(user=user, secret=form.secret, host=self.request.get_host(), at=timezone.now())
        except second_factor.SecondFactorRefused as refusal:
            messages.error(self.request, str(refusal))
            return redirect("mfa_index")
        clear_totp_secret(self.request)
        update_session_auth_hash(self.request, user)
        messages.success(
            self.request, "la double authentification est activée. Gardez maintenant vos codes de secours."
        )
        return redirect(self.passthrough_next_url(reverse("mfa_view_recovery_codes")))


@private
class SwitchOff(totp.DeactivateTOTPView):
    """What it means to do without, then do without."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Switch off. This browser stays signed in; every other one is signed out."""
        user = _user(self.request)
        if second_factor.switch_off(user=user, host=self.request.get_host(), at=timezone.now()):
            update_session_auth_hash(self.request, user)
        messages.success(self.request, "la double authentification est désactivée : votre mot de passe suffit.")
        return redirect("mfa_index")


@private
class Codes(NextRedirectMixin, codes.ViewRecoveryCodesView):
    """The recovery codes that have not served."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where one was going."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | {"continue_to": self.get_next_url()}


@private
class NewCodes(codes.GenerateRecoveryCodesView):
    """New recovery codes in the place of the old ones."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Renew them."""
        try:
            second_factor.renew_codes(user=_user(self.request), host=self.request.get_host(), at=timezone.now())
        except second_factor.SecondFactorRefused as refusal:
            messages.error(self.request, str(refusal))
            return redirect("mfa_index")
        messages.success(self.request, "voici vos nouveaux codes de secours. Les anciens ne servent plus à rien.")
        return redirect("mfa_view_recovery_codes")


@private
class CodesFile(codes.DownloadRecoveryCodesView):
    """The recovery codes as a text, to be kept or printed."""

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """Return the file, under a French name."""
        answer: HttpResponse = super().render_to_response(context, **kwargs)
        answer["Content-Disposition"] = 'attachment; filename="codes-de-secours-peps.txt"'
        return answer
