"""The file's rows in a temporary table, one for each school."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from schools.directory.rows import RefusedRow, SchoolRow

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPES = {
    "line": "integer",
    "has_nursery": "boolean",
    "has_elementary": "boolean",
    "latitude": "double precision",
    "longitude": "double precision",
}

# Where a synchronisation follows another in one transaction, as in tests.
_DROP = "DROP TABLE IF EXISTS pg_temp.directory_rows, pg_temp.directory_repeats, pg_temp.directory_changes"
_CREATE = "CREATE TEMPORARY TABLE directory_rows ({}) ON COMMIT DROP".format(
    ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in SchoolRow._fields)
)

# Several rows of one UAI (`multi_uai`): a cité scolaire with its collège and its lycée, or an annexe. The row that the
# school's own mailbox is on speaks for it; then the shorter name, which is not the annexe's. Chosen by what the rows
# hold and not by where they stand, so that a file in another order changes nothing.
_RANK = """
CREATE TEMPORARY TABLE directory_repeats ON COMMIT DROP AS
SELECT *, row_number() OVER (
    PARTITION BY uai ORDER BY email ILIKE '%' || uai || '%' DESC NULLS LAST, length(name), name, address, line
) AS rank
FROM directory_rows WHERE uai IN (SELECT uai FROM directory_rows GROUP BY uai HAVING count(*) > 1)
"""

# What the speaking row leaves empty the others may know; classes that one of them has, the school has.
_SPEAK_FOR_ALL = """
UPDATE directory_rows AS speaker SET
    has_nursery = together.has_nursery, has_elementary = together.has_elementary,
    email = together.email, phone = together.phone, siret = together.siret
FROM (
    SELECT uai, min(line) FILTER (WHERE rank = 1) AS line,
        bool_or(has_nursery) AS has_nursery, bool_or(has_elementary) AS has_elementary,
        coalesce((array_agg(email ORDER BY rank) FILTER (WHERE email <> ''))[1], max(email)) AS email,
        coalesce((array_agg(phone ORDER BY rank) FILTER (WHERE phone <> ''))[1], max(phone)) AS phone,
        coalesce((array_agg(siret ORDER BY rank) FILTER (WHERE siret <> ''))[1], max(siret)) AS siret
    FROM directory_repeats GROUP BY uai
) AS together
WHERE speaker.line = together.line
"""
_LEAVE_THE_SPEAKER = """
DELETE FROM directory_rows USING directory_repeats AS silent
WHERE silent.rank > 1 AND directory_rows.line = silent.line
"""


def copy_in(rows: Iterable[SchoolRow | RefusedRow]) -> list[RefusedRow]:
    """Make the temporary table `directory_rows`, COPY the rows into it, and return those that were refused."""
    refused: list[RefusedRow] = []
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        cursor.execute(_CREATE)
        with cursor.copy(f"COPY directory_rows ({', '.join(SchoolRow._fields)}) FROM STDIN") as copy:
            for row in rows:
                if isinstance(row, SchoolRow):
                    copy.write_row(row)
                else:
                    refused.append(row)
    return refused


def fold_repeats() -> int:
    """Leave one row for each school; return how many were folded into another."""
    with connection.cursor() as cursor:
        cursor.execute(_RANK)
        cursor.execute(_SPEAK_FOR_ALL)
        cursor.execute(_LEAVE_THE_SPEAKER)
        folded: int = cursor.rowcount
        # The comparison that follows is planned on what the table holds.
        cursor.execute("ANALYZE directory_rows")
    return folded
