"""Numbers of rows that are COPYed, known before they are stored: other rows refer to them."""

from __future__ import annotations

from django.db import connection

# The sequence's name is looked up once, and not for each number.
_NEXT = """
SELECT nextval(sequence)
FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) AS named, generate_series(1, %s)
"""


def next_numbers(table: str, count: int) -> list[int]:
    """Return so many numbers of the table's own sequence, which nobody else will be given."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [table, count])
        return [number for (number,) in cursor.fetchall()]
