"""Pages of passkeys: allauth's views, calling our own operations."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.mixins import NextRedirectMixin
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts import enrolment_codes, passkeys
from accounts.mfa_views import sensitive_view
from accounts.models import User
from accounts.second_factor import FACTOR_TYPES, SecondFactorError, is_enabled


@sensitive_view
class AddPasskeyView(NextRedirectMixin, webauthn.AddWebAuthnView):
    """Have the browser make a passkey, then show the recovery codes where it is the first factor, keeping `next`."""

    template_name = "mfa/webauthn/add_form.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to choose another way."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        return content | {"other_ways_url": self.passthrough_next_url(reverse("mfa_index"))}

    def form_valid(self, form: Any) -> HttpResponse:
        """Add the passkey. This session stays signed in; all others end."""
        user = cast("User", self.request.user)
        is_first = not is_enabled(user)
        try:
            passkeys.add(
                user=user,
                name=form.cleaned_data["name"],
                credential=form.cleaned_data["credential"],
                host=self.request.get_host(),
                at=timezone.now(),
            )
        except SecondFactorError as refusal:
            messages.error(self.request, str(refusal))
            return redirect("mfa_index")
        enrolment_codes.end_permission(self.request)
        update_session_auth_hash(self.request, user)
        if is_first:
            messages.success(
                self.request, "la double authentification est activée. Gardez maintenant vos codes de secours."
            )
            return redirect(self.passthrough_next_url(reverse("mfa_view_recovery_codes")))
        messages.success(self.request, "l'appareil est enregistré.")
        return redirect(self.get_next_url() or reverse("mfa_index"))

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, with a new challenge."""
        response: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=422)
        return response


@sensitive_view
class RenamePasskeyView(webauthn.EditWebAuthnView):
    """Change the name of a passkey of one's own."""

    template_name = "mfa/webauthn/edit_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Rename it."""
        try:
            passkeys.rename(
                user=cast("User", self.request.user), passkey_id=self.object.pk, name=form.cleaned_data["name"]
            )
        except SecondFactorError as refusal:
            messages.error(self.request, str(refusal))
        else:
            messages.success(self.request, "le nom de l'appareil est changé.")
        return redirect("mfa_index")


@sensitive_view
class RemovePasskeyView(webauthn.RemoveWebAuthnView):
    """Ask for confirmation, then remove a passkey of one's own."""

    template_name = "mfa/webauthn/authenticator_confirm_delete.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether the account has no other second factor."""
        content: dict[str, Any] = super().get_context_data(**kwargs)
        user = cast("User", self.request.user)
        factors = Authenticator.objects.filter(user_id=user.pk, type__in=FACTOR_TYPES)
        return content | {"is_last": not factors.exclude(pk=self.object.pk).exists()}

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it. This session stays signed in; all others end."""
        user = cast("User", self.request.user)
        try:
            passkeys.remove(user=user, passkey_id=self.object.pk, host=self.request.get_host(), at=timezone.now())
        except SecondFactorError as refusal:
            messages.error(self.request, str(refusal))
        else:
            update_session_auth_hash(self.request, user)
            messages.success(
                self.request,
                "l'appareil est retiré. Supprimez aussi, dans ses réglages, la « clé d'accès » de Pep's.",
            )
        return redirect("mfa_index")


@sensitive_view
class PasskeyAloneView(webauthn.LoginWebAuthnView):
    """Sign in by passkey alone: GET gives the challenge to the script of the sign-in page, POST takes the answer."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say so at the sign-in page, keeping `next`."""
        for message in form.errors.get("credential", []):
            messages.error(self.request, message)
        return redirect_to_login(self.request.POST.get("next", ""), reverse("account_login"))


@sensitive_view
class ConfirmPasskeyView(webauthn.ReauthenticateWebAuthnView):
    """Ask for a passkey before a sensitive action."""

    template_name = "mfa/webauthn/reauthenticate.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again, with a new challenge."""
        response: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=422)
        return response
