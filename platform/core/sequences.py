"""Reserves primary keys of rows to be COPYed, so that other rows can refer to them."""

from __future__ import annotations

from django.db import connection

# OFFSET 0 keeps the planner from looking the sequence up for each number.
_NEXT = """
SELECT nextval(sequence)
FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence OFFSET 0) AS named, generate_series(1, %s)
"""


def reserve_ids(table: str, count: int) -> list[int]:
    """Reserve `count` values of the table's id sequence."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [table, count])
        return [number for (number,) in cursor.fetchall()]
