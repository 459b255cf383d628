"""Insert many rows by one binary COPY, with primary keys reserved for them so that other rows can refer to them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from psycopg.types.json import JsonbBinaryDumper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg.abc import Buffer

_EMPTY_JSON: dict[type, bytes] = {dict: b"\x01{}", MappingProxyType: b"\x01{}", list: b"\x01[]"}

# OFFSET 0 keeps the planner from looking the sequence up for each number.
_RESERVE = """
SELECT nextval(sequence)
FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) AS named, generate_series(1, %s)
"""


class _JsonDumper(JsonbBinaryDumper):
    """Dumps JSON with dates and amounts, and empty objects and lists without calling the encoder.

    Most JSON values written in bulk are empty. Saves 0.17 s of the 0.57 s of Python that insert 60,000 rows.
    """

    _dumps = staticmethod(DjangoJSONEncoder(ensure_ascii=False).encode)

    def dump(self, obj: Any) -> Buffer | None:
        """Return the value of a `jsonb` column, in binary."""
        if not obj and type(obj) in _EMPTY_JSON:
            return _EMPTY_JSON[type(obj)]
        return super().dump(obj)


def copy_rows(table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows into a table, named as in SQL. `columns`: PostgreSQL type by name, in the order of the values.

    `rows` is read while the connection is busy, so it must not query.
    """
    with connection.cursor() as cursor:
        cursor.adapters.register_dumper(dict, _JsonDumper)
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row)


def reserve_ids(table: str, count: int) -> list[int]:
    """Reserve `count` values of the table's id sequence."""
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [table, count])
        return [number for (number,) in cursor.fetchall()]
