"""Migrate all collectivities' schemas, continuing after failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import DatabaseError, OperationalError
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.utils import schema_context

from core.tenant_connection import connection
from tenants.lock_timeouts import is_lock_error, session_lock_timeout
from tenants.models import Collectivity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Schemas per statement.
CHUNK_SIZE = 200
#: Attempts per schema where a lock is not available.
MAX_ATTEMPTS = 3
#: Name of the advisory lock that serialises runs.
LOCK = "tenants/migrate"


class MigrationFailure(NamedTuple):
    """A schema whose migration failed, and the error message."""

    schema: str
    error: str


class MigrationOutcome(NamedTuple):
    """Result of a run: number of schemas already up to date, schemas migrated, failures."""

    up_to_date: int
    migrated: list[str]
    failed: list[MigrationFailure]


def list_expected() -> list[str]:
    """Return the migrations of an up-to-date schema, as `app.name`."""
    return [f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).graph.nodes]


def find_outdated(schemas: Sequence[str]) -> list[str]:
    """Return the schemas that lack a migration or do not exist, in the given order.

    Reads all migration tables by a handful of statements: one by one takes minutes for a thousand schemas.
    """
    wanted = list_expected()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE relname = 'django_migrations' AND relkind = 'r'"
        )
        with_table = {schema for (schema,) in cursor.fetchall()}
        known = [schema for schema in schemas if schema in with_table]
        complete: set[str] = set()
        for start in range(0, len(known), CHUNK_SIZE):
            union = " UNION ALL ".join(
                f"SELECT '{schema}', app || '.' || name FROM {connection.ops.quote_name(schema)}.django_migrations"  # noqa: S608 - names read from the catalogue
                for schema in known[start : start + CHUNK_SIZE]
            )
            cursor.execute(
                f"SELECT applied.schema FROM ({union}) AS applied (schema, migration) "  # noqa: S608 - made of the above
                "WHERE applied.migration = ANY(%s) GROUP BY applied.schema "
                "HAVING count(DISTINCT applied.migration) = %s",
                [wanted, len(wanted)],
            )
            complete.update(schema for (schema,) in cursor.fetchall())
    return [schema for schema in schemas if schema not in complete]


def apply_missing_migrations(schema: str) -> None:
    """Apply an existing schema's missing migrations, each in its own transaction and with a short lock timeout."""
    with session_lock_timeout(), schema_context(schema):
        # With public in search_path, Django would find public's migration table and run nothing.
        connection.set_schema(schema, include_public=False)
        MigrationRecorder(connection).ensure_schema()
        connection.set_schema(schema)
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


def migrate_collectivities(
    *, schemas: Sequence[str] | None = None, report: Callable[[str], None] = lambda _: None
) -> MigrationOutcome:
    """Migrate the schemas (all collectivities' by default), continuing after failures.

    Repeats until no new schema appears: other processes may open offices from an old snapshot meanwhile.
    """
    up_to_date, migrated, failed = 0, list[str](), list[MigrationFailure]()
    checked: set[str] = set()
    while True:
        current = list(schemas) if schemas is not None else _list_schemas()
        new = [schema for schema in current if schema not in checked]
        if not new:
            return MigrationOutcome(up_to_date, migrated, failed)
        behind = find_outdated(new)
        up_to_date += len(new) - len(behind)
        checked.update(new)
        for schema in behind:
            try:
                _migrate(schema)
            except Exception as error:  # noqa: BLE001 - a migration may fail in any way; the others must go on
                failed.append(MigrationFailure(schema, f"{type(error).__name__}: {str(error).strip()}"))
                report(f"{schema} : échec")
            else:
                migrated.append(schema)
                report(f"{schema} : à jour")


def _list_schemas() -> list[str]:
    with schema_context("public"):
        return list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))


def _migrate(schema: str) -> None:
    """Apply a schema's missing migrations, each in its own transaction: those before a failing one stay."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema])
        if cursor.fetchone() is None:
            raise DatabaseError(f"Le schéma {schema} n'existe pas.")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            apply_missing_migrations(schema)
        except OperationalError as error:
            if attempt == MAX_ATTEMPTS or not is_lock_error(error):
                raise
        else:
            return
