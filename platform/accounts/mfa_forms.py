"""Second factor forms: allauth's, with French labels, our delays, single-use codes and passkeys."""

import datetime
from typing import Any, NoReturn, cast

from allauth.core import context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as base
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from fido2.webauthn import AuthenticationResponse

from accounts import account_journal, attempt_delays, known_origins, second_factor, throttling
from accounts.attempt_delays import CountedAttempt
from accounts.models import AccountEvent, User
from accounts.throttling import SINGLE_USE_CODE
from core.foreign_values import parse_json_object
from core.formatting import add_nonbreaking_spaces

MAX_NAME_LENGTH = 60
#: A browser's answer is some 2 KB, of which the certificates of a device are the most.
_MAX_ANSWER_BYTES = 64 * 1024
#: What allauth and fido2 raise for an answer that no browser gives, besides their refusals; CBOR nests and overflows,
#: and the answer holds JSON of its own (`clientDataJSON`).
_MALFORMED = (TypeError, ValueError, KeyError, IndexError, AttributeError, NotImplementedError, RecursionError)


def _name_field() -> forms.CharField:
    return forms.CharField(
        label="Nom de cet appareil",
        max_length=MAX_NAME_LENGTH,
        help_text="Pour le reconnaître parmi d'autres : « Ordinateur du bureau », « Mon téléphone ».",
    )


def _refuse() -> NoReturn:
    raise get_adapter().validation_error("incorrect_passkey") from None


class CredentialField(forms.CharField):
    """The answer of a browser, as JSON; Django's own field fails on JSON that is nested too deep."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """Return the object, or an empty text where nothing was sent. Raises `ValidationError`."""
        text = super().to_python(value)
        try:
            return text and parse_json_object(text.encode(), max_bytes=_MAX_ANSWER_BYTES)
        except ValueError:
            _refuse()


class AddPasskeyForm(webauthn.AddWebAuthnForm):
    """A new passkey, made by the browser for this account."""

    name = _name_field()
    credential = CredentialField()
    passwordless = forms.BooleanField(
        label="Permettre de se connecter avec cet appareil seul, sans mot de passe",
        help_text="À décocher pour une ancienne clé USB de sécurité, sans code PIN ni empreinte.",
        initial=True,
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        """Verify the answer of the browser. Raises `ValidationError`."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except (ValidationError, *_MALFORMED):
            _refuse()
        return cleaned


class RenamePasskeyForm(webauthn.EditWebAuthnForm):
    name = _name_field()


class _JournaledPasskey(forms.Form):
    """Mixin, before allauth's form: a refused passkey is written in the accounts' journal."""

    user: User | None
    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        """Return the passkey that signed the challenge. Raises `ValidationError`."""
        allauth_form: Any = super()
        try:
            answer = AuthenticationResponse.from_dict(self.cleaned_data["credential"])
            passkey: Authenticator = allauth_form.clean_credential()
        except (ValidationError, *_MALFORMED):
            account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=self.user, at=timezone.now())
            _refuse()
        counter = answer.response.authenticator_data.counter
        if not (second_factor.is_bound(passkey) and second_factor.advance_counter(passkey=passkey, counter=counter)):
            account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=passkey.user, at=timezone.now())
            _refuse()
        attempt_delays.remember(context.request, passkey.user, by_second_factor=True)
        return passkey


class SignInPasskeyForm(_JournaledPasskey, webauthn.AuthenticateWebAuthnForm):
    """The passkey after the password."""


class PasskeyAloneForm(_JournaledPasskey, webauthn.LoginWebAuthnForm):
    """The passkey instead of username and password."""


class ConfirmPasskeyForm(_JournaledPasskey, webauthn.ReauthenticateWebAuthnForm):
    """The passkey before a sensitive action."""


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
            attempt = attempt_delays.begin_code(
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
        attempt_delays.remember(context.request, self.user, by_second_factor=True)
        return code

    @transaction.atomic
    def _record_refusal(self, attempt: CountedAttempt, *, at: datetime.datetime) -> None:
        account_journal.record_event(
            AccountEvent.Action.CODE_REFUSED, user=self.user, at=at, details=attempt.describe_refused()
        )
        attempt_delays.notify_of_refusal(attempt, self.user, host=context.request.get_host(), at=at)


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
        self.secret = second_factor.unseal(sealed_secret) if sealed_secret else auth.generate_totp_secret()
        if not sealed_secret:
            session[auth.SECRET_SESSION_KEY] = second_factor.seal(self.secret)
