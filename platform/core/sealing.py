"""Encryption of secrets at rest, so that a copy of the database reveals none.

The keys are derived from SEALING_KEYS, one per purpose; not from SECRET_KEY, which may be changed at any time. The
first key seals, all of them unseal.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables


class UnsealError(Exception):
    """No configured sealing key decrypts the value: a key was removed too early, or the row was altered."""


@cache
def _cached_fernet(entries: tuple[str, ...], purpose: bytes) -> MultiFernet:
    try:
        secrets = [base64.b64decode(entry.partition(":")[2], validate=True) for entry in entries]
        return MultiFernet([_derive_fernet(secret, purpose) for secret in secrets])
    except (ValueError, binascii.Error):
        # The entry is a secret: it must not appear in the message.
        raise ImproperlyConfigured("SEALING_KEYS: each entry reads number:base64 of 32, 48 or 64 bytes.") from None


def _derive_fernet(secret: bytes, purpose: bytes) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


class Sealer:
    """Seals and unseals secrets of one purpose."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose.encode()

    def _fernet(self) -> MultiFernet:
        return _cached_fernet(tuple(settings.SEALING_KEYS), self._purpose)

    @sensitive_variables("secret")
    def seal(self, secret: bytes) -> bytes:
        """Return the secret encrypted under the current key."""
        return self._fernet().encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """Return the secret. Raises `UnsealError`."""
        try:
            return self._fernet().decrypt(sealed)
        except InvalidToken:
            raise UnsealError from None

    def reseal(self, sealed: bytes) -> bytes:
        """Return the secret encrypted anew under the current key. Raises `UnsealError`."""
        try:
            return self._fernet().rotate(sealed)
        except InvalidToken:
            raise UnsealError from None
