"""Encryption of secrets at rest, so that a copy of the database reveals none.

The keys are derived from SEALING_KEYS, one per purpose; not from SECRET_KEY, which may be changed at any time. The
first key seals, all of them unseal.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

_KEY_LENGTHS = (32, 48, 64)
_MALFORMED_KEYS = "SEALING_KEYS: each entry reads number:base64 of 32, 48 or 64 bytes."


@cache
def parse_sealing_keys(entries: tuple[str, ...]) -> Mapping[int, bytes]:
    """Return the secrets by number, in the order of the entries. Raises `ImproperlyConfigured`, without the secret."""
    keys: dict[int, bytes] = {}
    for entry in entries:
        number, _, secret = entry.partition(":")
        try:
            keys[int(number)] = base64.b64decode(secret, validate=True)
        except (ValueError, binascii.Error):
            # The entry is a secret: it must not appear in the message.
            raise ImproperlyConfigured(_MALFORMED_KEYS) from None
    if any(len(secret) not in _KEY_LENGTHS for secret in keys.values()):
        raise ImproperlyConfigured(_MALFORMED_KEYS)
    # `sealed_under` is a smallint.
    if not keys or len(keys) != len(entries) or not all(0 <= number < 2**15 for number in keys):
        raise ImproperlyConfigured("SEALING_KEYS must hold at least one entry, each with its own number below 32768.")
    return keys


class UnsealError(Exception):
    """No configured sealing key decrypts the value: a key was removed too early, or the row was altered."""


def get_sealing_keys() -> Mapping[int, bytes]:
    """Return the secrets of SEALING_KEYS by number, the current one first. Raises `ImproperlyConfigured`."""
    return parse_sealing_keys(tuple(settings.SEALING_KEYS))


@cache
def _cached_fernet(secrets: tuple[bytes, ...], purpose: bytes) -> MultiFernet:
    return MultiFernet([_derive_fernet(secret, purpose) for secret in secrets])


def _derive_fernet(secret: bytes, purpose: bytes) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


class Sealer:
    """Seals and unseals secrets of one purpose."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose.encode()

    def _fernet(self) -> MultiFernet:
        return _cached_fernet(tuple(get_sealing_keys().values()), self._purpose)

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
