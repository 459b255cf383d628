"""Snapshot of the SQL that the tenant migrations run, recorded once and replayed for each new schema.

Running the migrations takes seconds, and cloning a schema slows down with their number; replaying takes 0.05 s. The
snapshot is stored under a fingerprint of the migrations: after a change of them, `migrate_schemas` creates a new one.
"""

import functools
import hashlib
import re
import secrets
import sys
from collections.abc import Sequence
from itertools import batched
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from core.connections import connection
from core.schemas import SCHEMAS_PER_QUERY
from tenants import privileges
from tenants.models import SchemaSnapshot
from tenants.schema_migrations import (
    apply_missing_migrations,
    build_applied_rows,
    read_migration_files,
    record_statements,
)

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


#: CONCURRENTLY is not allowed in a transaction, and needless on new tables.
_CONCURRENTLY = re.compile(r"^(\s*(?:CREATE(?: UNIQUE)?|DROP) INDEX) CONCURRENTLY\b", re.IGNORECASE)


@functools.cache
def compute_fingerprint() -> str:
    """Return a hash of all migrations' names and of the source of the tenant apps' migrations."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    digest = hashlib.sha256()
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        digest.update(f"{app}.{name}\n".encode())
        source = sys.modules[type(migration).__module__].__file__
        if type(migration).__module__.partition(".migrations")[0] in settings.TENANT_APPS and source:
            digest.update(Path(source).read_bytes())
    return digest.hexdigest()


class SnapshotMissing(Exception):
    """No snapshot of the current migrations is stored: `migrate_schemas` has not run since they changed."""


def get_current() -> SchemaSnapshot:
    """Return the snapshot of the current migrations. Raises `SnapshotMissing`."""
    snapshot = SchemaSnapshot.objects.filter(fingerprint=compute_fingerprint()).first()
    if snapshot is None:
        raise SnapshotMissing("Run migrate_schemas: the migrations have changed.")
    return snapshot


def refresh() -> None:
    """Create the snapshot of the current migrations if missing, and delete older ones. As the owner."""
    if not SchemaSnapshot.objects.filter(fingerprint=compute_fingerprint()).exists():
        create()
    SchemaSnapshot.objects.exclude(pk=compute_fingerprint()).delete()


def create() -> SchemaSnapshot:
    """Run the migrations in a scratch schema, store the statements they executed, and drop the schema.

    Each migration in a transaction of its own, as in a schema that is migrated.
    """
    scratch = f"recording_{secrets.token_hex(6)}"
    statements: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {scratch}")
    try:
        with connection.execute_wrapper(record_statements(statements)):
            apply_missing_migrations(scratch, read_migration_files())
        statements = [_CONCURRENTLY.sub(r"\1", statement) for statement in statements]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT app, name FROM {scratch}.django_migrations ORDER BY id")  # noqa: S608 - our own name
            statements.append(build_applied_rows(cursor.fetchall()))
            statements.extend(privileges.list_recorded_grants(scratch))
            structure = describe(scratch)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {scratch} CASCADE")
    snapshot, _ = SchemaSnapshot.objects.update_or_create(
        fingerprint=compute_fingerprint(),
        defaults={"statements": statements, "structure": structure, "created_at": timezone.now()},
    )
    return snapshot
