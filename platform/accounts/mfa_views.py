"""« Double authentification »: allauth's views, calling our own operations."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.mixins import NextRedirectMixin
from allauth.mfa.base import views as base
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.auth import clear_totp_secret
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import attempt_delays, enrolment_codes, known_origins, second_factor
from accounts.mfa_forms import EnrolmentCodeForm
from accounts.models import User

#: For views that display or receive secrets.
sensitive_view = method_decorator([never_cache, sensitive_post_parameters("code", "credential")], name="dispatch")


def _get_user(request: HttpRequest) -> User:
    return cast("User", request.user)


class SecondFactorView(NextRedirectMixin, base.IndexView):
    """Show the factors of the account and what can be done; pages that require a factor lead here, with `next`."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to go on after a first factor."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | {
            "add_passkey_url": self.passthrough_next_url(reverse("mfa_add_webauthn")),
            "add_application_url": self.passthrough_next_url(reverse("mfa_activate_totp")),
            "passkeys": content["authenticators"].get(Authenticator.Type.WEBAUTHN, []),
        }


@sensitive_view
# Django's generic views take no parameter at run time.
class EnrolmentCodeView(NextRedirectMixin, FormView):  # type: ignore[type-arg]
    """Ask an operator for the code of the server before their first factor."""

    form_class = EnrolmentCodeForm
    template_name = "mfa/enrolment_code.html"

    def form_valid(self, form: EnrolmentCodeForm) -> HttpResponse:
        """Spend the code and lead on to what asked for it."""
        try:
            until = enrolment_codes.redeem(
                user=_get_user(self.request),
                code=form.cleaned_data["code"],
                origin=known_origins.read_origin(self.request),
                at=timezone.now(),
            )
        except attempt_delays.AttemptTooEarly as refusal:
            cast("Any", self.request).retry_after = refusal.retry_after
            form.add_error("code", str(refusal))
            return self.form_invalid(form)
        except enrolment_codes.EnrolmentCodeError as refusal:
            form.add_error("code", str(refusal))
            return self.form_invalid(form)
        enrolment_codes.allow_session(self.request, until=until)
        return redirect(self.get_next_url() or reverse("mfa_index"))


@sensitive_view
class SignInCodeView(base.AuthenticateView):
    """Ask for the passkey or the code after the password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which factors the account has."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | _describe_factors(self.stage.login.user)


@sensitive_view
class ConfirmCodeView(base.ReauthenticateView):
    """Ask for the code before a sensitive action, instead of the password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which factors the account has."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | _describe_factors(_get_user(self.request))


def _describe_factors(user: User) -> dict[str, bool]:
    types = second_factor.list_factor_types(user)
    return {
        "has_application": Authenticator.Type.TOTP in types,
        "has_passkeys": Authenticator.Type.WEBAUTHN in types,
    }


@sensitive_view
class EnableTotpView(NextRedirectMixin, totp.ActivateTOTPView):
    """Show the QR code, take the first code, then redirect to the recovery codes, keeping `next`."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the secret in groups of four, for typing by hand."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        secret = content["form"].secret
        groups = (secret[start : start + 4] for start in range(0, len(secret), 4))
        return content | {
            "spaced_secret": " ".join(groups),
            "other_ways_url": self.passthrough_next_url(reverse("mfa_index")),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        """Enable the application's codes. This session stays signed in; all others end."""
        user = _get_user(self.request)
        try:
            second_factor.enable(user=user, secret=form.secret, host=self.request.get_host(), at=timezone.now())
        except second_factor.SecondFactorError as refusal:
            messages.error(self.request, str(refusal))
            return redirect("mfa_index")
        enrolment_codes.end_permission(self.request)
        clear_totp_secret(self.request)
        update_session_auth_hash(self.request, user)
        messages.success(
            self.request, "la double authentification est activée. Gardez maintenant vos codes de secours."
        )
        return redirect(self.passthrough_next_url(reverse("mfa_view_recovery_codes")))


@sensitive_view
class DisableTotpView(totp.DeactivateTOTPView):
    """Ask for confirmation, then remove the application."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether a passkey is left."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | _describe_factors(_get_user(self.request))

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove the application. This session stays signed in; all others end."""
        user = _get_user(self.request)
        if second_factor.remove_application(user=user, host=self.request.get_host(), at=timezone.now()):
            update_session_auth_hash(self.request, user)
        messages.success(
            self.request,
            "l'application est retirée : la connexion demande l'un de vos appareils."
            if second_factor.is_enabled(user)
            else "la double authentification est désactivée : votre mot de passe suffit.",
        )
        return redirect("mfa_index")


@sensitive_view
class RecoveryCodesView(NextRedirectMixin, codes.ViewRecoveryCodesView):
    """Show the unused recovery codes."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the `next` URL."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | {"continue_to": self.get_next_url()}


@sensitive_view
class RenewRecoveryCodesView(codes.GenerateRecoveryCodesView):
    """Replace the recovery codes."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Renew the recovery codes, then show them."""
        try:
            second_factor.renew_recovery_codes(
                user=_get_user(self.request), host=self.request.get_host(), at=timezone.now()
            )
        except second_factor.SecondFactorError as refusal:
            messages.error(self.request, str(refusal))
            return redirect("mfa_index")
        messages.success(self.request, "voici vos nouveaux codes de secours. Les anciens ne servent plus à rien.")
        return redirect("mfa_view_recovery_codes")


@sensitive_view
class RecoveryCodesFileView(codes.DownloadRecoveryCodesView):
    """Download the recovery codes as a text file."""

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """Return the file with a French file name."""
        answer: HttpResponse = super().render_to_response(context, **kwargs)
        answer["Content-Disposition"] = 'attachment; filename="codes-de-secours-peps.txt"'
        return answer
