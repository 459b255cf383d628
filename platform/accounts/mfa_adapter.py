"""What allauth's second factors ask of us: secrets sealed at rest, the house's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.adapter import DefaultMFAAdapter

from accounts import sealing

if TYPE_CHECKING:
    from accounts.models import User


class MfaAdapter(DefaultMFAAdapter):
    """Allauth's hooks, as this house has them."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": (
            "Ce code n'est pas le bon, ou il a déjà servi : saisissez celui que l'application affiche à présent."
        ),
    }

    def get_totp_label(self, user: User) -> str:
        """Return the identifiant: an e-mail address may be that of several accounts."""
        return user.username

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open a stored secret. Raises `sealing.Unsealable`."""
        return sealing.unseal(encrypted_text)
