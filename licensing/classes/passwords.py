"""Pupils' passwords at rest: hashed, then sealed, so that a copy of the database opens nothing.

Three words that a child can type are 27 bits: no hash, however slow, protects them from whoever holds it and has a
graphics card. What protects them is that the hash is sealed under SEALING_KEYS, which are not in the database
(docs/decisions/0044). The hash is Django's PBKDF2 with few rounds: a class of thirty is made while the teacher waits,
and wrong tries are counted.
"""

from __future__ import annotations

import base64
from functools import cache

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from licensing.classes import words
from licensing.subscriptions import sealing

#: How a stored password begins: `pupil$<number of the sealing key>$…`.
SCHEME = "pupil$"


class PupilHasher(PBKDF2PasswordHasher):
    """Django's PBKDF2, at some four milliseconds a password."""

    algorithm = "pupil_pbkdf2"
    iterations = 30_000


_hasher = PupilHasher()


@sensitive_variables()
def store(password: str) -> str:
    """Return what is stored of a password that was drawn here."""
    return _seal(_hasher.encode(words.read_password(password), _hasher.salt()))


@sensitive_variables()
def matches(password: str, stored: str) -> bool:
    """Whether the typed password is the stored one. Raises `sealing.Unsealable` where its sealing key is missing."""
    salt, iterations, digest = _open(stored)
    typed = words.read_password(password)
    hashed = _hasher.encode(typed, salt, iterations).rsplit("$", 1)[1]
    return constant_time_compare(hashed, digest) and bool(typed)


@sensitive_variables("password")
def match_nothing(password: str) -> None:
    """Take as long as `matches` does: what names no pupil must not be told by the time it takes."""
    matches(password, _nobodys())


def current_scheme() -> str:
    """Return how passwords begin that are sealed under the current sealing key."""
    return f"{SCHEME}{sealing.current()}$"


def reseal(stored: str) -> str:
    """Return the stored password under the current sealing key. Raises `sealing.Unsealable`."""
    salt, iterations, digest = _open(stored)
    return _seal(f"{_hasher.algorithm}${iterations}${salt}${digest}")


def _seal(encoded: str) -> str:
    _, iterations, salt, digest = encoded.split("$")
    sealed = sealing.seal(digest)
    return f"{SCHEME}{sealed.under}${iterations}${salt}${base64.b64encode(sealed.code).decode()}"


def _open(stored: str) -> tuple[str, int, str]:
    _, under, iterations, salt, sealed = stored.split("$")
    return salt, int(iterations), sealing.unseal(base64.b64decode(sealed), int(under))


@cache
def _nobodys() -> str:
    return store(words.draw_password())
