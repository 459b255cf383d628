"""The same rows into the same tables by bare COPY: what storing them costs at the least, constraints and all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def rows_of(tables: Iterable[str]) -> dict[str, bytes]:
    """Return what stands in each table, as COPY takes it back."""
    held = {}
    for table in tables:
        written = io.BytesIO()
        with connection.cursor() as cursor:
            # What the database computes is not given to it.
            cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                [table],
            )
            columns = cursor.fetchone()[0]
            with cursor.copy(f"COPY {table} ({columns}) TO STDOUT") as copy:
                for block in copy:
                    written.write(block)
        held[f"{table} ({columns})"] = written.getvalue()
    return held


@transaction.atomic
def copy_rows(rows: Mapping[str, bytes]) -> None:
    """Write them back, all in one transaction."""
    for table, content in rows.items():
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(content)
