"""Rows by bare COPY: the same into the same tables, what storing them costs at the least; and a world of new ones."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from django.db.models import Model


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


def copy_new(model: type[Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write new rows, told by the names of columns; what a row does not tell is the field's default."""
    fields = [field for field in model._meta.concrete_fields if not (field.primary_key or field.generated)]  # noqa: SLF001 - documented
    defaults = {field.column: field.get_default() for field in fields}
    # « primary » is a word of SQL.
    into = f"{model._meta.db_table} ({', '.join(map(connection.ops.quote_name, defaults))})"  # noqa: SLF001
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row([*(defaults | row).values()])
