"""What a schema consists of, as the catalogue has it, to be compared with that of a new office."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

from django_tenants.utils import get_public_schema_name, schema_context

from core.connections import connection
from core.schemas import SCHEMAS_PER_QUERY

# The schema's own name is taken out: it is written wherever the search path is the public schema's. Of columns, not
# their order: a migration adds at the end what a new table has elsewhere.
_PARTS = """
WITH relation AS MATERIALIZED (
    SELECT pg_class.oid, relname, relkind, nspname, quote_ident(nspname) || '.' AS prefix
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s) AND relkind IN ('r', 'p')
), part AS (
    SELECT nspname, prefix, concat_ws(' ', 'column', relname, attname, format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN 'not null' END, nullif(attidentity, ''), nullif(attgenerated, ''),
        pg_get_expr(adbin, adrelid)) AS text
    FROM relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    UNION ALL
    SELECT nspname, prefix, concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(pg_constraint.oid))
    FROM relation JOIN pg_constraint ON conrelid = relation.oid WHERE contype <> 'n'
    UNION ALL
    SELECT nspname, prefix, concat_ws(' ', 'index', relname, pg_get_indexdef(indexrelid),
        CASE WHEN NOT indisvalid THEN 'invalid' END)
    FROM relation JOIN pg_index ON indrelid = relation.oid
    UNION ALL
    SELECT nspname, prefix, concat_ws(' ', 'trigger', relname, tgenabled, pg_get_triggerdef(pg_trigger.oid))
    FROM relation JOIN pg_trigger ON tgrelid = relation.oid WHERE NOT tgisinternal
)
"""
# Without brackets and casts between texts: those of « state IN (…) » are others once it was dumped and restored.
_BARE = r"regexp_replace(replace(text, prefix, ''), '[()]|::(text|character varying)(\[\])?', '', 'g')"
_DESCRIBE = f"{_PARTS} SELECT {_BARE} AS part FROM part ORDER BY part"  # noqa: S608 - our own query
# First the sums, of which nearly all are right; then the parts of those that differ.
_COMPARE = f"""
{_PARTS}, own AS MATERIALIZED (SELECT nspname, {_BARE} AS text FROM part),
expected AS MATERIALIZED (SELECT unnest(%(expected)s::text[]) AS text),
differing AS MATERIALIZED (
    SELECT nspname FROM own GROUP BY nspname
    HAVING md5(string_agg(text, chr(10) ORDER BY text COLLATE "C"))
        IS DISTINCT FROM (SELECT md5(string_agg(text, chr(10) ORDER BY text COLLATE "C")) FROM expected)
)
SELECT nspname, 'en plus', text FROM own JOIN differing USING (nspname)
WHERE text NOT IN (SELECT text FROM expected)
UNION ALL
SELECT nspname, 'il manque', expected.text FROM differing CROSS JOIN expected
WHERE NOT EXISTS (SELECT FROM own WHERE own.nspname = differing.nspname AND own.text = expected.text)
ORDER BY 1, 2 DESC, 3
"""  # noqa: S608 - our own queries


def describe(schema: str) -> list[str]:
    """Return a sentence for each column, constraint, index and trigger of a schema, without its name."""
    with schema_context(get_public_schema_name()), connection.cursor() as cursor:
        cursor.execute(_DESCRIBE, {"schemas": [schema]})
        return [part for (part,) in cursor.fetchall()]


def find_differences(schemas: Sequence[str], expected: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return schema, « il manque » or « en plus », and the part, of what differs from `expected`: of the catalogue."""
    rows: list[tuple[str, str, str]] = []
    with schema_context(get_public_schema_name()), connection.cursor() as cursor:
        for chunk in batched(schemas, SCHEMAS_PER_QUERY):
            cursor.execute(_COMPARE, {"schemas": list(chunk), "expected": list(expected)})
            rows += cursor.fetchall()
    return rows
