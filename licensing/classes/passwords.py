"""Storage of pupils' passwords: hashed, then sealed, so that a copy of the database is useless.

Three words that a child can type are 27 bits: no hash, however slow, withstands an offline attack on a GPU. The hash
is therefore sealed under SEALING_KEYS, which are not in the database (docs/decisions/0044). It is Django's PBKDF2 with
few iterations: thirty accounts are created within a request, and online attempts are limited.
"""

import base64
from functools import cache

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from licensing.classes import words
from licensing.classes.models import PupilAccount
from licensing.entitlements import code_sealing

#: Prefix of a stored password: `pupil$<number of the sealing key>$…`.
SCHEME = "pupil$"


class PupilHasher(PBKDF2PasswordHasher):
    """Django's PBKDF2, at about 4 ms per password."""

    algorithm = "pupil_pbkdf2"
    iterations = 30_000


_hasher = PupilHasher()


@sensitive_variables()
def encode(password: str) -> str:
    """Return the sealed hash of a password."""
    return _seal(_hasher.encode(words.normalize_password(password), _hasher.salt()))


@sensitive_variables()
def verify(password: str, stored: str) -> bool:
    """Return whether the password matches. Raises `code_sealing.UnsealableCode` where its sealing key is missing."""
    salt, iterations, digest = _unseal(stored)
    normalized = words.normalize_password(password)
    hashed = _hasher.encode(normalized, salt, iterations).rsplit("$", 1)[1]
    return constant_time_compare(hashed, digest) and bool(normalized)


@sensitive_variables("password")
def verify_dummy(password: str) -> None:
    """Take as long as `verify` does, so that timing does not reveal unknown logins."""
    verify(password, _get_dummy())


def get_current_prefix() -> str:
    """Return the prefix of passwords that are sealed under the current key."""
    return f"{SCHEME}{code_sealing.current_key_number()}$"


def reseal(stored: str) -> str:
    """Return the stored password resealed under the current key. Raises `code_sealing.UnsealableCode`."""
    salt, iterations, digest = _unseal(stored)
    return _seal(f"{_hasher.algorithm}${iterations}${salt}${digest}")


@transaction.atomic
def reseal_batch(*, size: int) -> int:
    """Reseal up to `size` pupils' hashes under the current key and return how many; 0 when none is left.

    Run by `manage.py reseal_keys`, after which older sealing keys can be removed. Raises `UnsealableCode`, having
    changed nothing, where the settings lack a sealing key.
    """
    sealed = PupilAccount.objects.filter(password__startswith=SCHEME)
    pupils = list(sealed.exclude(password__startswith=get_current_prefix()).locked()[:size])
    for pupil in pupils:
        pupil.password = reseal(pupil.password)
    PupilAccount.objects.bulk_update(pupils, ["password"], batch_size=500)
    return len(pupils)


def _seal(encoded: str) -> str:
    _, iterations, salt, digest = encoded.split("$")
    sealed = code_sealing.seal(digest)
    return f"{SCHEME}{sealed.under}${iterations}${salt}${base64.b64encode(sealed.code).decode()}"


def _unseal(stored: str) -> tuple[str, int, str]:
    _, key_number, iterations, salt, sealed = stored.split("$")
    return salt, int(iterations), code_sealing.unseal(base64.b64decode(sealed), int(key_number))


@cache
def _get_dummy() -> str:
    return encode(words.generate_password())
