"""Second factors at rest: sealed, so that a copy of the database gives no code to sign in with.

Under keys that follow from SEALING_KEYS, each for this purpose alone; not from SECRET_KEY, which may be changed at any
time. The first seals, all of them open; `second_factor.reseal` lets the older ones go.
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
    """No configured sealing key opens a second factor: one was removed too early, or the row was altered."""


@cache
def _ring(entries: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([_derived(base64.b64decode(entry.partition(":")[2], validate=True)) for entry in entries])
    except (ValueError, binascii.Error):
        # The entry itself is a secret: it is not repeated.
        raise ImproperlyConfigured("SEALING_KEYS: each entry reads number:base64 of 32, 48 or 64 bytes.") from None


def _derived(secret: bytes) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"accounts.second-factor").derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


def _keys() -> MultiFernet:
    return _ring(tuple(settings.SEALING_KEYS))


@sensitive_variables("secret")
def seal(secret: str) -> str:
    """Return the secret sealed under the current key."""
    return _keys().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the secret. Raises `Unsealable`."""
    try:
        return _keys().decrypt(sealed).decode()
    except InvalidToken:
        raise Unsealable from None


def resealed(sealed: str) -> str:
    """Return the same secret sealed under the current key. Raises `Unsealable`."""
    try:
        return _keys().rotate(sealed).decode()
    except InvalidToken:
        raise Unsealable from None
