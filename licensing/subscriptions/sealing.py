"""Codes at rest: sealed under AES-SIV, so that a copy of the database opens nothing.

AES-SIV is deterministic: the same code under the same sealing key gives the same bytes, and so one column serves
both look-up and display. Sealing keys come from the settings (`id:base64`), the current one first; older ones stay
readable until `reseal` has passed over every row.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


class Sealed(NamedTuple):
    """A sealed code, and the number of the sealing key it is under."""

    code: bytes
    under: int


class Unsealable(Exception):
    """No configured sealing key opens a stored code: one was removed too early, or the row was altered."""

    def __init__(self, under: int) -> None:
        super().__init__(f"No configured sealing key number {under} opens this code.")
        self.under = under


@cache
def _ring(entries: tuple[str, ...]) -> dict[int, AESSIV]:
    ring: dict[int, AESSIV] = {}
    for entry in entries:
        number, _, secret = entry.partition(":")
        try:
            ring[int(number)] = AESSIV(base64.b64decode(secret, validate=True))
        except (ValueError, binascii.Error):
            # The entry itself is a secret: it is not repeated.
            raise ImproperlyConfigured("SEALING_KEYS: each entry reads number:base64 of 32, 48 or 64 bytes.") from None
    # The column beside the code is a smallint.
    if not ring or len(ring) != len(entries) or not all(0 <= number < 2**15 for number in ring):
        raise ImproperlyConfigured("SEALING_KEYS must hold at least one entry, each with its own number below 32768.")
    return ring


def _keys() -> dict[int, AESSIV]:
    return _ring(tuple(settings.SEALING_KEYS))


def current() -> int:
    """Return the number of the sealing key that new codes are sealed under."""
    return next(iter(_keys()))


def seal(code: str) -> Sealed:
    """Return the code sealed under the current key."""
    number, cipher = next(iter(_keys().items()))
    return Sealed(cipher.encrypt(code.encode("ascii"), None), number)


def seal_many(codes: Iterable[str]) -> Iterator[bytes]:
    """Yield each code sealed under the current key, whose number `current` tells."""
    cipher = next(iter(_keys().values()))
    return (cipher.encrypt(code.encode("ascii"), None) for code in codes)


def has_older_keys() -> bool:
    """Return whether codes may still stand under another key than the current one."""
    return len(_keys()) > 1


def under_older_keys(codes: Collection[str]) -> list[bytes]:
    """Return the codes, a collection, as they would stand under each sealing key but the current one."""
    older = list(_keys().values())[1:]
    return [cipher.encrypt(code.encode("ascii"), None) for cipher in older for code in codes]


def candidates(code: str) -> list[bytes]:
    """Return the code sealed under every configured key: what a look-up asks for while codes are being re-sealed."""
    return [cipher.encrypt(code.encode("ascii"), None) for cipher in _keys().values()]


def unseal(sealed: bytes | memoryview, under: int) -> str:
    """Return the twelve symbols. Raises `Unsealable`."""
    try:
        return _keys()[under].decrypt(bytes(sealed), None).decode("ascii")
    except (KeyError, InvalidTag):
        raise Unsealable(under) from None
