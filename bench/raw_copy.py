"""Bare COPY: dump and restore rows as a lower bound, and bulk-insert test data."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import Model


def dump_rows(tables: Iterable[str]) -> dict[str, bytes]:
    """Return the rows of each table in COPY format, by « table (columns) »."""
    held = {}
    for table in tables:
        written = io.BytesIO()
        with connection.cursor() as cursor:
            # Generated columns cannot be written.
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
def restore_rows(rows: Mapping[str, bytes]) -> None:
    """Write the dumped rows back in one transaction."""
    for table, content in rows.items():
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(content)


def insert_rows(model: type[Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """COPY new rows, dictionaries by column name; missing columns get the field's default."""
    fields = [field for field in model._meta.concrete_fields if not (field.primary_key or field.generated)]  # noqa: SLF001 - documented
    defaults = {field.column: field.get_default() for field in fields}
    # « primary » is a reserved word.
    into = f"{model._meta.db_table} ({', '.join(map(connection.ops.quote_name, defaults))})"  # noqa: SLF001
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row([*{**defaults, **row}.values()])
