"""Secrets at rest: sealed, so that a copy of the database gives none away.

Under keys that follow from SEALING_KEYS, each for one purpose alone; not from SECRET_KEY, which may be changed at any
time. The first seals, all of them open.
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


class Unsealable(Exception):
    """No configured sealing key opens it: one was removed too early, or the row was altered."""


@cache
def _ring(entries: tuple[str, ...], purpose: bytes) -> MultiFernet:
    try:
        secrets = [base64.b64decode(entry.partition(":")[2], validate=True) for entry in entries]
        return MultiFernet([_derived(secret, purpose) for secret in secrets])
    except (ValueError, binascii.Error):
        # The entry itself is a secret: it is not repeated.
        raise ImproperlyConfigured("SEALING_KEYS: each entry reads number:base64 of 32, 48 or 64 bytes.") from None


def _derived(secret: bytes, purpose: bytes) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


class Sealing:
    """Seals and opens secrets of one purpose."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose.encode()

    def _keys(self) -> MultiFernet:
        return _ring(tuple(settings.SEALING_KEYS), self._purpose)

    @sensitive_variables("secret")
    def seal(self, secret: bytes) -> bytes:
        """Return the secret sealed under the current key."""
        return self._keys().encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """Return the secret. Raises `Unsealable`."""
        try:
            return self._keys().decrypt(sealed)
        except InvalidToken:
            raise Unsealable from None

    def resealed(self, sealed: bytes) -> bytes:
        """Return the same secret sealed under the current key. Raises `Unsealable`."""
        try:
            return self._keys().rotate(sealed)
        except InvalidToken:
            raise Unsealable from None
