"""Encrypt codes at rest with AES-SIV, so that a copy of the database discloses none.

AES-SIV is deterministic: the same code under the same sealing key gives the same bytes, so that one column serves both
look-up and display. Sealing keys come from `SEALING_KEYS` (`number:base64`), the current one first; older ones are
needed until `manage.py reseal_keys` has resealed every row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from core.sealing import get_sealing_keys


class SealedCode(NamedTuple):
    """A sealed code, and the number of its sealing key."""

    code: bytes
    under: int


class UnsealableCode(Exception):
    """No configured sealing key opens a stored code: one was removed too early, or the row was altered."""

    def __init__(self, under: int) -> None:
        super().__init__(f"No configured sealing key number {under} opens this code.")
        self.under = under


@cache
def _make_ciphers(keys: tuple[tuple[int, bytes], ...]) -> dict[int, AESSIV]:
    return {number: AESSIV(secret) for number, secret in keys}


def _ciphers() -> dict[int, AESSIV]:
    return _make_ciphers(tuple(get_sealing_keys().items()))


def current_key_number() -> int:
    """Return the number of the current sealing key."""
    return next(iter(_ciphers()))


def seal(code: str) -> SealedCode:
    """Return the code sealed under the current key."""
    number, cipher = next(iter(_ciphers().items()))
    return SealedCode(cipher.encrypt(code.encode("ascii"), None), number)


def seal_many(codes: Iterable[str]) -> Iterator[bytes]:
    """Yield each code sealed under the current key, whose number is `current_key_number()`."""
    cipher = next(iter(_ciphers().values()))
    return (cipher.encrypt(code.encode("ascii"), None) for code in codes)


def has_older_keys() -> bool:
    """Whether codes may still be sealed under another key than the current one."""
    return len(_ciphers()) > 1


def seal_under_older_keys(codes: Collection[str]) -> list[bytes]:
    """Return each code sealed under each key but the current one."""
    older = list(_ciphers().values())[1:]
    return [cipher.encrypt(code.encode("ascii"), None) for cipher in older for code in codes]


def seal_under_all_keys(code: str) -> list[bytes]:
    """Return the code sealed under every configured key, for look-ups while codes are being resealed."""
    return [cipher.encrypt(code.encode("ascii"), None) for cipher in _ciphers().values()]


def unseal(sealed: bytes | memoryview, under: int) -> str:
    """Return the twelve symbols. Raises `UnsealableCode`."""
    try:
        return _ciphers()[under].decrypt(bytes(sealed), None).decode("ascii")
    except (KeyError, InvalidTag):
        raise UnsealableCode(under) from None
