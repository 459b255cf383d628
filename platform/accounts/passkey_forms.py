"""Passkey forms: allauth's, with French labels, a clear refusal of whatever a browser may send, and a journal."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from fido2.webauthn import AuthenticationResponse

from accounts import account_journal, passkeys, second_factor, sign_in_delays
from accounts.models import AccountEvent, User
from core.bounded_json import parse_json_object

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


class _JournaledPasskey:
    """Mixin, before allauth's form: a refused passkey is written in the accounts' journal."""

    user: User | None
    cleaned_data: dict[str, Any]

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
        if not (second_factor.is_bound(passkey) and passkeys.advance_counter(passkey=passkey, counter=counter)):
            account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=passkey.user, at=timezone.now())
            _refuse()
        sign_in_delays.remember(context.request, passkey.user, by_second_factor=True)
        return passkey


class SignInPasskeyForm(_JournaledPasskey, webauthn.AuthenticateWebAuthnForm):
    """The passkey after the password."""

    credential = CredentialField()


class PasskeyAloneForm(_JournaledPasskey, webauthn.LoginWebAuthnForm):
    """The passkey instead of username and password."""

    credential = CredentialField()


class ConfirmPasskeyForm(_JournaledPasskey, webauthn.ReauthenticateWebAuthnForm):
    """The passkey before a sensitive action."""

    credential = CredentialField()
