"""Generate, seal and store new activation keys in bulk, in a constant number of statements."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence

import psycopg.errors
from django.db import IntegrityError, connection, transaction

from core.copy_rows import copy_rows, reserve_ids
from core.telemetry import count_on_commit
from licensing.entitlements import code_sealing, keys, metrics
from licensing.entitlements.models import Entitlement

#: A collision among 55 random bits is rare; repeated collisions mean a broken generator.
_MAX_ATTEMPTS = 3
# Schema-qualified: the current schema may be a tenant's.
_TABLE = "public.entitlements_activationkey"
_COLUMNS = {
    "id": "int8",
    "entitlement_id": "int8",
    "school_id": "varchar",
    "prefix": "varchar",
    "sealed_code": "bytea",
    "sealed_under": "int2",
    "units": "int4",
    "issued_at": "timestamptz",
    "exposed_at": "timestamptz",
}


class CodesExhausted(Exception):
    """Repeated draws collided with existing codes: the random generator cannot be trusted."""


@transaction.atomic
def mint(
    *, entitlement: Entitlement, prefix: str, demands: Sequence[tuple[str | None, int, bool]], at: datetime.datetime
) -> list[int]:
    """Create one key per demand (UAI, units, exposed) and return their primary keys in the same order.

    A key is exposed where somebody besides the school's official mailbox will know it: redeeming it verifies nobody.
    Codes are unique across all tenants: on a unique violation the codes are drawn again. Raises `CodesExhausted`.
    """
    if not demands:
        return []
    numbers = reserve_ids(_TABLE, len(demands))
    for _ in range(_MAX_ATTEMPTS):
        # A generator: codes are drawn and sealed while the database receives the previous ones.
        codes: Iterable[str] = (keys.generate() for _ in demands)
        if code_sealing.has_older_keys():
            codes = list(codes)
            if _exist_under_older_keys(codes):
                continue
        try:
            with transaction.atomic():
                _copy_rows(numbers, codes, entitlement=entitlement, prefix=prefix, demands=demands, at=at)
        except IntegrityError as error:
            if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                continue
            raise
        count_on_commit(metrics.MINTED_KEYS, len(demands))
        count_on_commit(metrics.MINTED_UNITS, sum(units for _, units, _ in demands))
        return numbers
    raise CodesExhausted(f"{_MAX_ATTEMPTS} draws of {len(demands)} codes each met a code that exists.")


def _exist_under_older_keys(codes: Collection[str]) -> bool:
    """Whether a code exists sealed under an older key, which the unique constraint cannot detect."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {_TABLE} WHERE sealed_code = ANY(%s::bytea[]))",  # noqa: S608
            [code_sealing.seal_under_older_keys(codes)],
        )
        return bool(cursor.fetchone()[0])


def _copy_rows(
    numbers: list[int],
    codes: Iterable[str],
    *,
    entitlement: Entitlement,
    prefix: str,
    demands: Sequence[tuple[str | None, int, bool]],
    at: datetime.datetime,
) -> None:
    entitlement_id, under = entitlement.pk, code_sealing.current_key_number()
    copy_rows(
        _TABLE,
        _COLUMNS,
        (
            (number, entitlement_id, uai, prefix, sealed, under, units, at, at if exposed else None)
            for number, sealed, (uai, units, exposed) in zip(
                numbers, code_sealing.seal_many(codes), demands, strict=True
            )
        ),
    )
