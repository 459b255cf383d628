"""Load the file's rows into a temporary table, one per school."""

from __future__ import annotations

from django.db import connection

from schools.directory.reading import DirectoryFile
from schools.directory.rows import RefusedRow, SchoolRow

COLUMN_TYPES = {
    "line": "integer",
    "has_nursery": "boolean",
    "has_elementary": "boolean",
    "latitude": "double precision",
    "longitude": "double precision",
}

# For several synchronisations in one transaction, as in tests.
_DROP = "DROP TABLE IF EXISTS pg_temp.directory_rows, pg_temp.directory_repeats, pg_temp.directory_changes"
_CREATE = "CREATE TEMPORARY TABLE directory_rows ({}) ON COMMIT DROP".format(
    ", ".join(f"{name} {COLUMN_TYPES.get(name, 'text')}" for name in SchoolRow._fields)
)

# Several rows of one UAI (`multi_uai`): a cité scolaire with its collège and its lycée, or an annexe. The row with the
# school's own mailbox ranks first, then the shorter name, which is not the annexe's. The ranking depends on values
# only, not on the order of the file.
_RANK = """
CREATE TEMPORARY TABLE directory_repeats ON COMMIT DROP AS
SELECT *, row_number() OVER (
    PARTITION BY uai ORDER BY email ILIKE '%' || uai || '%' DESC NULLS LAST, length(name), name, address, line
) AS rank
FROM directory_rows WHERE uai IN (SELECT uai FROM directory_rows GROUP BY uai HAVING count(*) > 1)
"""

# Empty fields of the best-ranked row are filled from the others; class flags are combined by OR.
_MERGE = """
UPDATE directory_rows AS best SET
    has_nursery = merged.has_nursery, has_elementary = merged.has_elementary,
    email = merged.email, phone = merged.phone, siret = merged.siret
FROM (
    SELECT uai, min(line) FILTER (WHERE rank = 1) AS line,
        bool_or(has_nursery) AS has_nursery, bool_or(has_elementary) AS has_elementary,
        coalesce((array_agg(email ORDER BY rank) FILTER (WHERE email <> ''))[1], max(email)) AS email,
        coalesce((array_agg(phone ORDER BY rank) FILTER (WHERE phone <> ''))[1], max(phone)) AS phone,
        coalesce((array_agg(siret ORDER BY rank) FILTER (WHERE siret <> ''))[1], max(siret)) AS siret
    FROM directory_repeats GROUP BY uai
) AS merged
WHERE best.line = merged.line
"""
_DELETE_DUPLICATES = """
DELETE FROM directory_rows USING directory_repeats AS duplicate
WHERE duplicate.rank > 1 AND directory_rows.line = duplicate.line
"""


def copy_rows(file: DirectoryFile) -> list[RefusedRow]:
    """Create the temporary table `directory_rows`, COPY the file's rows into it, and return the refused ones."""
    refused: list[RefusedRow] = []
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        cursor.execute(_CREATE)
        with cursor.copy(f"COPY directory_rows ({', '.join(SchoolRow._fields)}) FROM STDIN") as copy:

            def write(row: SchoolRow | RefusedRow) -> None:
                if isinstance(row, SchoolRow):
                    copy.write_row(row)
                else:
                    refused.append(row)

            file.read(write)
    return refused


def merge_duplicates() -> int:
    """Merge rows of the same UAI; return how many were merged into another."""
    with connection.cursor() as cursor:
        cursor.execute(_RANK)
        cursor.execute(_MERGE)
        cursor.execute(_DELETE_DUPLICATES)
        merged: int = cursor.rowcount
        # For the query plan of the comparison that follows.
        cursor.execute("ANALYZE directory_rows")
    return merged
