"""Insert many rows, or one large file, by a binary COPY. Keys are reserved for rows that others refer to."""

import contextlib
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from psycopg import Copy
from psycopg.abc import Buffer
from psycopg.types.json import JsonbBinaryDumper

_EMPTY_JSON: dict[type, bytes] = {dict: b"\x01{}", MappingProxyType: b"\x01{}", list: b"\x01[]"}

#: PostgreSQL's binary COPY: signature, flags and length of the extension; at the end, a count of -1 fields.
_COPY_HEADER, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.pack("!h", -1)
_CHUNK_BYTES = 64 * 1024

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


@contextlib.contextmanager
def _open_copy(table: str, columns: Collection[str]) -> Iterator[Copy]:
    # Django wraps the errors of `execute` alone: the driver's own are none to whoever looks for a lost connection.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.adapters.register_dumper(dict, _JsonDumper)
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy:
            yield copy


def copy_rows(table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows into a table, named as in SQL, and return how many.

    `columns`: PostgreSQL type by name, in the order of the values. `rows` is read while the connection is busy, so it
    must not query.
    """
    count = 0
    with _open_copy(table, columns) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def copy_file(table: str, columns: tuple[str, str], key: int, file: IO[bytes], size: int) -> None:
    """Insert a row of a `bigint` key and a `bytea` of `size` bytes, read from the file in chunks.

    An INSERT holds a file of 20 MB six times at once (bytes, hexadecimal text, query): this holds one chunk.
    """
    with _open_copy(table, columns) as copy:
        copy.write(_COPY_HEADER + struct.pack("!hiqi", len(columns), 8, key, size))
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            copy.write(chunk)
        copy.write(_COPY_END)


def reserve_ids(table: str, count: int) -> list[int]:
    """Reserve `count` values of the table's id sequence."""
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, [table, count])
        return [number for (number,) in cursor.fetchall()]
