"""Snapshot of the SQL that the tenant migrations run, recorded once and replayed for each new schema.

Running the migrations takes seconds, and cloning a schema slows down with their number; replaying takes 0.05 s. The
snapshot is stored under a fingerprint of the migrations: after a change of them, `migrate_schemas` creates a new one.
"""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
import sys
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from core.connections import connection
from tenants import privileges, schema_structure
from tenants.migration_executor import read_migration_files
from tenants.models import SchemaSnapshot
from tenants.schema_migrations import apply_missing_migrations
from tenants.statement_recording import record_statements

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
            statements.append(_applied_migrations(cursor.fetchall()))
            statements.extend(privileges.list_recorded_grants(scratch))
            structure = schema_structure.describe(scratch)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {scratch} CASCADE")
    snapshot, _ = SchemaSnapshot.objects.update_or_create(
        fingerprint=compute_fingerprint(),
        defaults={"statements": statements, "structure": structure, "created_at": timezone.now()},
    )
    return snapshot


def _applied_migrations(migrations: list[tuple[str, str]]) -> str:
    """Return the statement that records the migrations as applied, in the order they ran."""
    rows = ", ".join(f"('{app}', '{name}', now())" for app, name in migrations)
    return f"INSERT INTO django_migrations (app, name, applied) VALUES {rows}"  # noqa: S608 - names of Python modules
