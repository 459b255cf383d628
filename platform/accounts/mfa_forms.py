"""The forms of the second factor: allauth's, with labels in French, the house's limits, and codes that work once."""

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

from accounts import sealing, throttling
from accounts.limits import CODE_ONCE, SECOND_FACTOR

if TYPE_CHECKING:
    from accounts.models import User

_HINTS = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}


class _LimitedCode:
    """Counts tries for the account in the database, and lets no code through twice. Before allauth's own form."""

    user: User

    def clean_code(self) -> str:
        """Return the code. Raises `ValidationError` for a wrong one, one that served, or too many tries."""
        now = timezone.now()
        tries = [(SECOND_FACTOR, str(self.user.pk))]
        try:
            throttling.count(tries, at=now)
        except throttling.Throttled as throttled:
            raise ValidationError(str(throttled), code="throttled") from None
        code: str = super().clean_code()  # type: ignore[misc]
        try:
            throttling.count([(CODE_ONCE, f"{self.user.pk}:{normalize_user_code(code)}")], at=now)
        except throttling.Throttled:
            raise get_adapter().validation_error("incorrect_code") from None
        throttling.give_back(tries)
        return code


class SignInCodeForm(_LimitedCode, base.AuthenticateForm):
    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(_HINTS | {"autofocus": True}))


class ConfirmCodeForm(_LimitedCode, base.ReauthenticateForm):
    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(_HINTS))


class SwitchOnForm(_LimitedCode, ActivateTOTPForm):
    """The first code of the application. Until it is right the new secret waits in the session, sealed."""

    code = forms.CharField(
        label="Code à 6 chiffres affiché par l'application", max_length=20, widget=forms.TextInput(_HINTS)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        session = context.request.session
        kept = session.get(auth.SECRET_SESSION_KEY)
        # Kept while the page is reloaded: whoever has scanned the square already need not do it again.
        self.secret = sealing.unseal(kept) if kept else auth.generate_totp_secret()
        if not kept:
            session[auth.SECRET_SESSION_KEY] = sealing.seal(self.secret)
