"""Second factor forms: allauth's, with French labels, our delays and single-use codes."""

from __future__ import annotations

import datetime
from typing import Any, cast

from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as base
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import (
    account_journal,
    attempt_delays,
    code_delays,
    known_origins,
    sealing,
    second_factor,
    sign_in_delays,
    throttling,
)
from accounts.attempt_delays import CountedAttempt
from accounts.models import AccountEvent, User
from accounts.rate_limits import SINGLE_USE_CODE
from core.formatting import add_nonbreaking_spaces

_CODE_ATTRS = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}


class _DelayedCode:
    """Mixin, before allauth's form: delays between attempts, by where they come from, and each code once."""

    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """Return the code. Raises `ValidationError` for a wrong code, a used one, or too early an attempt."""
        now = timezone.now()
        allauth_form: Any = super()
        try:
            attempt = code_delays.begin_code(
                known_origins.read_origin(context.request), self.user, self.cleaned_data["code"]
            )
        except attempt_delays.AttemptTooEarly as refusal:
            cast("Any", context.request).retry_after = refusal.retry_after
            raise ValidationError(add_nonbreaking_spaces(str(refusal)), code="throttled") from None
        try:
            code: str = allauth_form.clean_code()
            # No factor is stored yet where its first code is asked for.
            factor: Authenticator | None = getattr(self, "authenticator", None)
            if factor is not None and not second_factor.is_bound(factor):
                raise get_adapter().validation_error("incorrect_code")
        except ValidationError:
            self._record_refusal(attempt, at=now)
            raise
        try:
            throttling.count_attempts([(SINGLE_USE_CODE, f"{self.user.pk}:{normalize_user_code(code)}")], at=now)
        except throttling.RateLimitExceeded:
            self._record_refusal(attempt, at=now)
            raise get_adapter().validation_error("incorrect_code") from None
        attempt.take_back()
        sign_in_delays.remember(context.request, self.user, by_second_factor=True)
        return code

    @transaction.atomic
    def _record_refusal(self, attempt: CountedAttempt, *, at: datetime.datetime) -> None:
        account_journal.record_event(
            AccountEvent.Action.CODE_REFUSED, user=self.user, at=at, details=attempt.describe_refused()
        )
        code_delays.notify_of_refusal(attempt, self.user, host=context.request.get_host(), at=at)


class SignInCodeForm(_DelayedCode, base.AuthenticateForm):
    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(_CODE_ATTRS | {"autofocus": True}))


class ConfirmCodeForm(_DelayedCode, base.ReauthenticateForm):
    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(_CODE_ATTRS))


class EnrolmentCodeForm(forms.Form):
    """The code that the server printed for an operator."""

    code = forms.CharField(
        label="Code du serveur",
        max_length=40,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        help_text="Seize lettres, par groupes de quatre.",
    )


class EnableTotpForm(_DelayedCode, ActivateTOTPForm):
    """The authenticator's first code. Until it is correct, the new secret is kept sealed in the session."""

    code = forms.CharField(
        label="Code à 6 chiffres affiché par l'application", max_length=20, widget=forms.TextInput(_CODE_ATTRS)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        session = context.request.session
        sealed_secret = session.get(auth.SECRET_SESSION_KEY)
        # Reused when the page is reloaded, so that the QR code need not be scanned again.
        self.secret = sealing.unseal(sealed_secret) if sealed_secret else auth.generate_totp_secret()
        if not sealed_secret:
            session[auth.SECRET_SESSION_KEY] = sealing.seal(self.secret)
