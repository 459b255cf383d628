"""Stage the rows of a file, compare them with the schools, then write the differences.

`compare` fills the temporary table `directory_changes` and writes no school, so that `operations` can still abort;
`write` applies the changes. The number of statements is constant.
"""

import datetime
from collections.abc import Sequence

from django.db import connection, transaction

from schools.directory.reading import DirectoryFile, RefusedRow, SchoolRow

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


#: Fields taken from the file, without the key and the state, which has its own rule.
FIELDS = [name for name in SchoolRow._fields if name not in ("line", "uai", "state")]
_NOT_TEXT = ("has_nursery", "has_elementary", "latitude", "longitude")


def _merged_field_sql(field: str) -> str:
    """Return the SQL of a merged field: the file's value, else the current one, else empty."""
    return f"coalesce(row.{field}, school.{field}{'' if field in _NOT_TEXT else ", ''"}) AS {field}"


# A school in the file is open unless the file says otherwise, so that one that reappears is reopened.
_STATE = """
coalesce(row.state, CASE WHEN school.state <> 'closed' THEN school.state END, 'open')
"""

_COMPARE = f"""
CREATE TEMPORARY TABLE directory_changes ON COMMIT DROP AS
WITH merged AS (
    SELECT row.uai, {", ".join(_merged_field_sql(field) for field in FIELDS)}, {_STATE} AS state
    FROM directory_rows AS row LEFT JOIN public.schools_school AS school USING (uai)
)
SELECT merged.*,
    CASE WHEN merged.state = 'closed' THEN coalesce(school.closed_at, %(at)s::timestamptz) END AS closed_at,
    CASE
        WHEN school.uai IS NULL THEN 'added'
        WHEN merged.state = 'closed' AND school.state <> 'closed' THEN 'closed'
        WHEN merged.state <> 'closed' AND school.state = 'closed' THEN 'reopened'
        ELSE 'changed'
    END AS verdict,
    CASE WHEN school.uai IS NULL THEN '{{}}' ELSE array_remove(ARRAY[
        {", ".join(f"CASE WHEN merged.{f} IS DISTINCT FROM school.{f} THEN '{f}' END" for f in [*FIELDS, "state"])}
    ], NULL) END AS fields
FROM merged LEFT JOIN public.schools_school AS school USING (uai)
WHERE school.uai IS NULL
    OR ({", ".join(f"merged.{f}" for f in [*FIELDS, "state"])})
        IS DISTINCT FROM ({", ".join(f"school.{f}" for f in [*FIELDS, "state"])})
"""  # noqa: S608 - made of our own field names

# A refused line with a valid UAI still proves that the school exists.
_CLOSE_ABSENT = f"""
INSERT INTO directory_changes (uai, {", ".join(FIELDS)}, state, closed_at, verdict, fields)
SELECT uai, {", ".join(FIELDS)}, 'closed', %(at)s, 'closed', '{{}}'
FROM public.schools_school AS school
WHERE state <> 'closed' AND NOT uai = ANY(%(refused)s)
    AND NOT EXISTS (SELECT FROM directory_rows AS row WHERE row.uai = school.uai)
"""  # noqa: S608

_WRITE = f"""
INSERT INTO public.schools_school (uai, {", ".join(FIELDS)}, state, closed_at, changed_at)
SELECT uai, {", ".join(FIELDS)}, state, closed_at, %(at)s FROM directory_changes
ON CONFLICT (uai) DO UPDATE SET
    {", ".join(f"{field} = excluded.{field}" for field in [*FIELDS, "state", "closed_at", "changed_at"])}
"""  # noqa: S608


# Dictionary for spelling correction. Numbers are excluded: a wrong digit is another school.
_DELETE_OLD_WORDS = """
DELETE FROM public.schools_directoryword AS known WHERE NOT EXISTS (
    SELECT FROM directory_words WHERE directory_words.word = known.word
)
"""
_COLLECT_WORDS = """
CREATE TEMPORARY TABLE directory_words ON COMMIT DROP AS
SELECT word, count(*) AS school_count
FROM public.schools_school, string_to_table(btrim(search_text), ' ') AS word
WHERE word ~ '^[a-z]{3,}$'
GROUP BY word
"""
_UPSERT_WORDS = """
INSERT INTO public.schools_directoryword AS known (word, school_count) SELECT word, school_count FROM directory_words
ON CONFLICT (word) DO UPDATE SET school_count = excluded.school_count
WHERE known.school_count <> excluded.school_count
"""


def compare(*, full: bool, refused: Sequence[str], at: datetime.datetime) -> None:
    """Fill `directory_changes` with the schools that the file changes, with verdict and fields that differ.

    With `full`, open schools missing from the file are marked as closed, except those of its `refused` lines.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, {"at": at})
        if full:
            cursor.execute(_CLOSE_ABSENT, {"at": at, "refused": list(refused)})


def list_changes() -> list[tuple[str, str, str, list[str]]]:
    """Return the changes found by `compare`: verdict, UAI, name, fields that differ; by UAI."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT verdict, uai, name, fields FROM directory_changes ORDER BY uai")
        return list(cursor.fetchall())


def apply_changes(*, at: datetime.datetime) -> int:
    """Apply the changes found by `compare`, and return how many schools were written.

    The indexes of the search are maintained once that is committed: on a cluster no transaction may do both.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {"at": at})
        written: int = cursor.rowcount
    if written:
        transaction.on_commit(_maintain_search)
        refresh_dictionary()
    return written


def _maintain_search() -> None:
    # Until the next vacuum, every search would scan the index's pending list.
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.schools_maintain_search()")


@transaction.atomic
def refresh_dictionary() -> None:
    """Rebuild the dictionary of words from the schools."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.directory_words")
        cursor.execute(_COLLECT_WORDS)
        cursor.execute(_DELETE_OLD_WORDS)
        cursor.execute(_UPSERT_WORDS)
        # As above: spelling look-ups would scan the pending list.
        cursor.execute("SELECT public.schools_maintain_dictionary()")
