"""Second factor forms: allauth's, with French labels, our rate limits and single-use codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as base
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import account_journal, sealing, throttling
from accounts.models import AccountEvent
from accounts.rate_limits import SECOND_FACTOR, SINGLE_USE_CODE

if TYPE_CHECKING:
    from accounts.models import User

_CODE_ATTRS = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}


class _RateLimitedCode:
    """Mixin, before allauth's form: rate-limit attempts by account, and accept each code once."""

    user: User

    def clean_code(self) -> str:
        """Return the code. Raises `ValidationError` for a wrong code, a used one, or too many attempts."""
        now = timezone.now()
        subjects = [(SECOND_FACTOR, str(self.user.pk))]
        try:
            throttling.count_attempts(subjects, at=now)
        except throttling.RateLimitExceeded as throttled:
            raise ValidationError(str(throttled), code="throttled") from None
        allauth_form: Any = super()
        try:
            code: str = allauth_form.clean_code()
        except ValidationError:
            account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=self.user, at=now)
            raise
        try:
            throttling.count_attempts([(SINGLE_USE_CODE, f"{self.user.pk}:{normalize_user_code(code)}")], at=now)
        except throttling.RateLimitExceeded:
            account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=self.user, at=now)
            raise get_adapter().validation_error("incorrect_code") from None
        throttling.refund_attempts(subjects)
        return code


class SignInCodeForm(_RateLimitedCode, base.AuthenticateForm):
    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(_CODE_ATTRS | {"autofocus": True}))


class ConfirmCodeForm(_RateLimitedCode, base.ReauthenticateForm):
    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(_CODE_ATTRS))


class EnrolmentCodeForm(forms.Form):
    """The code that the server printed for an operator."""

    code = forms.CharField(
        label="Code du serveur",
        max_length=40,
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        help_text="Seize lettres, par groupes de quatre.",
    )


class EnableTotpForm(_RateLimitedCode, ActivateTOTPForm):
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
