"""New keys, by the thousand: drawn, sealed and stored by a handful of statements whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg.errors
from django.db import connection, transaction

from licensing.subscriptions import keys, sealing
from web.numbering import next_numbers

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Sequence

    from licensing.subscriptions.models import Source

#: Two equal draws among 55 bits are a curiosity; two in a row are a broken generator, and must be heard.
ATTEMPTS = 3
# Keys live in the public schema, whichever schema the transaction works in.
_TABLE = "public.subscriptions_activationkey"


class CodesExhausted(Exception):
    """Draw after draw met codes that exist already: the system's random generator cannot be trusted."""


@transaction.atomic
def mint(
    *, source: Source, prefix: str, demands: Sequence[tuple[str | None, int, bool]], at: datetime.datetime
) -> list[int]:
    """Make one key for each demand (UAI, units, exposed) and return their numbers in the order of the demands.

    `exposed`: somebody besides the school's official mailbox will know the key, so that redeeming it proves nothing.
    Codes are unique across all tenants: the database refuses a code that exists, and the draw is made again.
    """
    if not demands:
        return []
    numbers = next_numbers(_TABLE, len(demands))
    for _ in range(ATTEMPTS):
        # Drawn and sealed while the database stores those before.
        codes: Iterable[str] = (keys.generate() for _ in demands)
        if sealing.has_older_keys():
            codes = list(codes)
            if _known_under_another_sealing_key(codes):
                continue
        try:
            with transaction.atomic():
                _copy(numbers, codes, source=source, prefix=prefix, demands=demands, at=at)
        except psycopg.errors.UniqueViolation:
            continue
        return numbers
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
    codes: Iterable[str],
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
        for number, sealed, (uai, units, exposed) in zip(numbers, sealing.seal_many(codes), demands, strict=True):
            copy.write_row((number, source_id, uai, prefix, sealed, under, units, at, at if exposed else None))
