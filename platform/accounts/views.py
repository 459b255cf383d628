"""Allauth's pages where this house answers otherwise: a forgotten password, an address confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account import views as allauth_views
from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from accounts import resets, throttling
from accounts.addresses import client_address
from accounts.forms import ForgottenPasswordForm
from accounts.limits import RESET_BY_ADDRESS

if TYPE_CHECKING:
    from django.http import HttpResponse


class ForgottenPassword(allauth_views.PasswordResetView):
    """Takes an address and says the same whatever it is: the accounts are looked for by a worker."""

    def get_form_class(self) -> type[ForgottenPasswordForm]:
        """Return a form that asks the database nothing."""
        return ForgottenPasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Have it answered, so many times an hour for one network."""
        now = timezone.now()
        try:
            throttling.count([(RESET_BY_ADDRESS, throttling.network(client_address(self.request)))], at=now)
        except throttling.Throttled as throttled:
            form.add_error(None, str(throttled))
            answer: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=429)
            return answer
        resets.ask(email=form.cleaned_data["email"], host=self.request.get_host(), at=now)
        return redirect("account_reset_password_done")


class ConfirmAddress(allauth_views.ConfirmEmailView):
    """The page behind the link of an address; it says the identifiant once more, where one is about to need it."""

    def respond(self, success: bool) -> HttpResponse:  # noqa: FBT001 - allauth's signature
        """Say what was confirmed, and lead on."""
        if success:
            address = self.object.email_address
            if self.request.user.is_authenticated:
                messages.success(self.request, f"{address.email} est désormais l'adresse de votre compte.")
            else:
                messages.success(
                    self.request,
                    f"votre adresse est confirmée. Connectez-vous avec l'identifiant « {address.user.username} ».",
                )
        answer: HttpResponse = super().respond(success)
        return answer
