"""New keys, by the thousand: drawn, sealed and stored by a handful of statements whatever their number."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg.errors
from django.db import connection, transaction

from licensing.numbering import next_numbers
from licensing.subscriptions import keys, sealing
from web.meanwhile import meanwhile

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Sequence

    from psycopg import Connection

    from licensing.subscriptions.models import Source

#: Two equal draws among 55 bits are a curiosity; two in a row are a broken generator, and must be heard.
ATTEMPTS = 3
# Keys live in the public schema, whichever schema the transaction works in.
_TABLE = "public.subscriptions_activationkey"


class CodesExhausted(Exception):
    """Draw after draw met codes that exist already: the system's random generator cannot be trusted."""


@transaction.atomic
def mint(
    *,
    source: Source,
    prefix: str,
    demands: Sequence[tuple[str | None, int, bool]],
    at: datetime.datetime,
    beside: Callable[[Connection[Any], list[int]], object] | None = None,
) -> list[int]:
    """Make one key for each demand (UAI, units, exposed) and return their numbers in the order of the demands.

    `exposed`: somebody besides the school's official mailbox will know the key, so that redeeming it proves nothing.
    `beside`: what may be written, by the connection and the numbers that it is given, while the codes are drawn.
    Codes are unique across all tenants: the database refuses a code that exists, and the draw is made again.
    """
    if not demands:
        return []
    numbers = next_numbers(_TABLE, len(demands))
    with contextlib.nullcontext() if beside is None else meanwhile(lambda raw: beside(raw, numbers)):
        codes = [keys.generate() for _ in demands]
        sealed = list(sealing.seal_many(codes))
    for _ in range(ATTEMPTS):
        if not (sealing.has_older_keys() and _known_under_another_sealing_key(codes)):
            with contextlib.suppress(psycopg.errors.UniqueViolation):
                with transaction.atomic():
                    _copy(numbers, sealed, source=source, prefix=prefix, demands=demands, at=at)
                return numbers
        codes = [keys.generate() for _ in demands]
        sealed = list(sealing.seal_many(codes))
    raise CodesExhausted(f"{ATTEMPTS} draws of {len(demands)} codes each met a code that exists.")


def _known_under_another_sealing_key(codes: Collection[str]) -> bool:
    """Whether a code exists that is still sealed under an older key, where the unique column cannot see it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {_TABLE} WHERE sealed_code = ANY(%s::bytea[]))",  # noqa: S608
            [sealing.under_older_keys(codes)],
        )
        return bool(cursor.fetchone()[0])


def _copy(
    numbers: list[int],
    sealed_codes: Sequence[bytes],
    *,
    source: Source,
    prefix: str,
    demands: Sequence[tuple[str | None, int, bool]],
    at: datetime.datetime,
) -> None:
    columns = "id, source_id, school_id, prefix, sealed_code, sealed_under, units, issued_at, exposed_at"
    with connection.cursor() as cursor, cursor.copy(f"COPY {_TABLE} ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "int8", "varchar", "varchar", "bytea", "int2", "int4", "timestamptz", "timestamptz"])
        source_id, under = source.pk, sealing.current()
        for number, sealed, (uai, units, exposed) in zip(numbers, sealed_codes, demands, strict=True):
            copy.write_row((number, source_id, uai, prefix, sealed, under, units, at, at if exposed else None))
