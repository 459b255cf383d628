"""Allauth MFA adapter: seals secrets at rest and words errors in French."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.adapter import DefaultMFAAdapter

from accounts import sealing

if TYPE_CHECKING:
    from accounts.models import User


class MfaAdapter(DefaultMFAAdapter):
    """Override allauth's MFA hooks."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": (
            "Ce code n'est pas le bon, ou il a déjà servi : saisissez celui que l'application affiche à présent."
        ),
    }

    def get_totp_label(self, user: User) -> str:
        """Return the username: several accounts may share an e-mail address."""
        return user.username

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Unseal a stored secret. Raises `sealing.UnsealError`."""
        return sealing.unseal(encrypted_text)
