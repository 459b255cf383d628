"""Django's executor of migrations for one schema among thousands: it reads neither files nor catalogue for each.

Django's own reads every file of migrations again for each schema, and lists all tables of the database to learn
whether one is there: with each schema more, every schema took longer. Why: docs/decisions/0157.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.postgresql_backend.base import DatabaseWrapper

from core.connections import connection
from tenants.lock_timeouts import set_session_lock_timeout

_CREATED_CONCURRENTLY = re.compile(
    r'\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)"?\s+ON\b', re.IGNORECASE
)
_CONCURRENTLY = re.compile(r"\s*(?:CREATE|DROP|REINDEX)\b[^;]*\bCONCURRENTLY\b", re.IGNORECASE)


class SchemaMigrationRecorder(MigrationRecorder):
    """Django's recorder, for the schema of its connection; asks for one table by its name."""

    def __init__(self, connection: DatabaseWrapper) -> None:
        super().__init__(connection)
        self._is_present = False

    def has_table(self) -> bool:
        """Return whether the schema itself, not the public one, has `django_migrations`."""
        if not self._is_present:
            wrapper = cast("DatabaseWrapper", self.connection)
            table = f"{wrapper.ops.quote_name(wrapper.schema_name)}.django_migrations"
            with wrapper.cursor() as cursor:
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
                self._is_present = bool(cursor.fetchone()[0])
        return self._is_present


class SchemaMigrationLoader(MigrationLoader):
    """Django's loader, given the files that were read already and the migrations that a schema has."""

    def __init__(self, files: MigrationLoader, applied: Mapping[tuple[str, str], Any]) -> None:
        self._files, self._applied = files, applied
        super().__init__(None, ignore_no_migrations=True)

    def load_disk(self) -> None:
        """Take the migrations of `files`."""
        self.disk_migrations = self._files.disk_migrations
        self.unmigrated_apps, self.migrated_apps = self._files.unmigrated_apps, self._files.migrated_apps

    def replace_migration(self, migration_key: tuple[str, str]) -> None:
        """Replace migrations by the one that squashes them, or not, as the schema has applied them."""
        self.applied_migrations = dict(self._applied)
        super().replace_migration(migration_key)

    def build_graph(self) -> None:
        """Build the graph, and say what the schema has applied."""
        super().build_graph()
        self.applied_migrations = dict(self._applied)


class SchemaMigrationExecutor(MigrationExecutor):
    """Django's executor for the connection's schema, whose `django_migrations` is created if missing."""

    def __init__(self, files: MigrationLoader, progress_callback: Callable[..., None] | None = None) -> None:
        # Not Django's, which would read the files and the catalogue.
        self.connection = connections[connection.alias]
        self.recorder = SchemaMigrationRecorder(cast("DatabaseWrapper", self.connection))
        self.recorder.ensure_schema()
        self.loader = SchemaMigrationLoader(files, self.recorder.applied_migrations())
        self.progress_callback = progress_callback


def read_migration_files() -> MigrationLoader:
    """Read the files of all migrations: once a run, for every schema."""
    files = MigrationLoader(None, load=False, ignore_no_migrations=True)
    files.load_disk()
    return files


def wait_for_concurrent_builds(
    execute: Callable[..., Any],
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's signature
    context: dict[str, Any],
) -> Any:
    """Execute what works CONCURRENTLY without a lock timeout, after removing an index that an earlier run left invalid.

    An `execute_wrapper`. Such a statement waits for older transactions while nobody waits for it; a timeout would
    leave an index that is neither used nor replaced.
    """
    text = str(sql)
    if not _CONCURRENTLY.match(text):
        return execute(sql, params, many, context)
    set_session_lock_timeout(0)
    try:
        created = _CREATED_CONCURRENTLY.match(text)
        if created:
            _drop_if_invalid(created[1])
        return execute(sql, params, many, context)
    finally:
        set_session_lock_timeout()


def _drop_if_invalid(index: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = %s AND relnamespace = to_regnamespace(%s) AND NOT indisvalid",
            [index, connection.ops.quote_name(connection.schema_name)],
        )
        if cursor.rowcount:
            # IF EXISTS: recorded, it is replayed where there is none.
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {connection.ops.quote_name(index)}")
