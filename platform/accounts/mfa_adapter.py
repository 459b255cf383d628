"""Allauth MFA adapter: seals secrets at rest and words errors in French."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from accounts import sealing
from accounts.models import User


class MfaAdapter(DefaultMFAAdapter):
    """Override allauth's MFA hooks."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": (
            "Ce code n'est pas le bon, ou il a déjà servi : saisissez celui que l'application affiche à présent."
        ),
        "incorrect_passkey": (
            "Cet appareil n'a pas été reconnu. Recommencez ; s'il n'est pas de ce compte, prenez-en un autre."
        ),
    }

    def get_totp_label(self, user: User) -> str:
        """Return the username: several accounts may share an e-mail address."""
        return user.username

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 - allauth's signature
        """Return the name that the form of a new passkey proposes."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Mon appareil" if number == 1 else f"Mon appareil n° {number}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the relying party: the portal's domain, of which every office's host is a subdomain."""
        return {"id": settings.BASE_DOMAIN, "name": "Pep's"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """Return what the user's device shows of the account; the id is what allauth finds the account by."""
        return {"id": user_pk_to_url_str(user).encode(), "name": user.username, "display_name": str(user)}

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Unseal a stored secret. Raises `UnsealError`."""
        return sealing.unseal(encrypted_text)
