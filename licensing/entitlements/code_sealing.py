"""Encrypt codes at rest with AES-SIV, so that a copy of the database discloses none; reseal them under a new key.

AES-SIV is deterministic: the same code under the same sealing key gives the same bytes, so that one column serves both
look-up and display. Sealing keys come from `SEALING_KEYS` (`number:base64`), the current one first; older ones are
needed until `manage.py reseal_keys` has resealed every row.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.db import connection, transaction

from core.models import JoinedQuery, LockableQuerySet
from core.registry import Registry
from core.sealing import get_sealing_keys
from licensing.entitlements.models import ActivationKey, Entitlement
from tenants.models import Collectivity


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


def find_by_code(code: str) -> LockableQuerySet[ActivationKey]:
    """Return the query of the key with these twelve symbols, which is empty where there is none."""
    return ActivationKey.objects.filter(sealed_code__in=seal_under_all_keys(code))


_LOCKED_KEY = JoinedQuery(
    "SELECT {columns} FROM public.entitlements_activationkey AS key"
    " JOIN public.entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id"
    " LEFT JOIN public.tenants_collectivity AS collectivity ON collectivity.id = entitlement.collectivity_id"
    " WHERE key.sealed_code = ANY(%s) FOR NO KEY UPDATE OF key",
    key=ActivationKey,
    entitlement=Entitlement,
    collectivity=Collectivity,
)


def lock_by_code(code: str) -> ActivationKey | None:
    """Lock the key with these twelve symbols and return it, with its entitlement and collectivity; None without one."""
    row = _LOCKED_KEY.first([seal_under_all_keys(code)])
    if row is None:
        return None
    key: ActivationKey
    key, key.entitlement, key.entitlement.collectivity = row
    return key


def unseal(sealed: bytes | memoryview, under: int) -> str:
    """Return the twelve symbols. Raises `UnsealableCode`."""
    try:
        return _ciphers()[under].decrypt(bytes(sealed), None).decode("ascii")
    except (KeyError, InvalidTag):
        raise UnsealableCode(under) from None


# Key rotation: reseal every code under the current sealing key.
#
# Look-ups use every configured key, so the site keeps serving meanwhile. Each batch is one transaction; an interrupted
# run resumes where it stopped.


class ResealBatch(Protocol):
    """Reseal up to `size` rows under the current sealing key and return how many; 0 when none is left."""

    def __call__(self, *, size: int) -> int:
        """Raise `code_sealing.UnsealableCode`, having changed nothing, where the settings lack a sealing key."""


#: What other apps store under the same sealing keys; run before an older key is removed.
reseal_batches: Registry[ResealBatch] = Registry("resealing")

_TABLE = "public.entitlements_activationkey"


@transaction.atomic
def reseal_batch(*, size: int = 1000) -> int:
    """Reseal up to `size` codes under the current key and return how many; 0 when none is left.

    Raises `code_sealing.UnsealableCode`, having changed nothing, where a sealing key is missing from the settings.
    """
    rows = list(
        ActivationKey.objects.exclude(sealed_under=current_key_number())
        .locked()
        .values_list("pk", "sealed_code", "sealed_under")[:size]
    )
    if not rows:
        return 0
    sealed = [(pk, *seal(unseal(code, under))) for pk, code, under in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} AS key SET sealed_code = new.code, sealed_under = new.under "  # noqa: S608 - the table's name
            "FROM unnest(%s::bigint[], %s::bytea[], %s::smallint[]) AS new (id, code, under) WHERE key.id = new.id",
            [list(column) for column in zip(*sealed, strict=True)],
        )
    return len(rows)
