"""Migrations across all schemas: public first, then every collectivity's that is behind, one failing or not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.utils import schema_context

from tenants import recording
from tenants.models import Collectivity, SchemaRecording
from tenants.waiting import is_a_lock, session_lock_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Schemas asked about in one statement.
CHUNK = 200
#: How often a schema that was locked out is tried.
ATTEMPTS = 3
#: One run at a time in a database: the number is arbitrary, and ours.
ADVISORY_LOCK = 7_374_120_061


class Failure(NamedTuple):
    """A schema whose migration failed, and the database's word on it."""

    schema: str
    error: str


class Outcome(NamedTuple):
    """What a run did to the collectivities' schemas."""

    up_to_date: int
    migrated: list[str]
    failed: list[Failure]


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other run is under way, and keep others waiting."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def expected() -> list[str]:
    """Return the migrations that a schema has when it is up to date, as `app.name`."""
    return [f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).graph.nodes]


def outdated(schemas: Sequence[str]) -> list[str]:
    """Return those of the schemas that lack a migration or do not exist, in the order given.

    All tables of migrations are read in a handful of statements: asking them one by one takes minutes at a thousand.
    """
    wanted = expected()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE relname = 'django_migrations' AND relkind = 'r'"
        )
        with_table = {schema for (schema,) in cursor.fetchall()}
        known = [schema for schema in schemas if schema in with_table]
        complete: set[str] = set()
        for start in range(0, len(known), CHUNK):
            asked = " UNION ALL ".join(
                f"SELECT '{schema}', app || '.' || name FROM {connection.ops.quote_name(schema)}.django_migrations"  # noqa: S608 - names read from the catalogue
                for schema in known[start : start + CHUNK]
            )
            cursor.execute(
                f"SELECT noted.schema FROM ({asked}) AS noted (schema, migration) "  # noqa: S608 - made of the above
                "WHERE noted.migration = ANY(%s) GROUP BY noted.schema "
                "HAVING count(DISTINCT noted.migration) = %s",
                [wanted, len(wanted)],
            )
            complete.update(schema for (schema,) in cursor.fetchall())
    return [schema for schema in schemas if schema not in complete]


def migrate_collectivities(
    *, schemas: Sequence[str] | None = None, tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Bring the schemas (all collectivities' where none are given) up to date, going on past those that fail.

    Offices that other processes open meanwhile, still by the old recording, are seen by a second look.
    """
    up_to_date, migrated, failed = 0, list[str](), list[Failure]()
    seen: set[str] = set()
    while True:
        every = list(schemas) if schemas is not None else _schemas()
        new = [schema for schema in every if schema not in seen]
        if not new:
            return Outcome(up_to_date, migrated, failed)
        behind = outdated(new)
        up_to_date += len(new) - len(behind)
        seen.update(new)
        for schema in behind:
            try:
                _migrate(schema)
            except Exception as error:  # noqa: BLE001 - a migration may fail in any way; the others must go on
                failed.append(Failure(schema, f"{type(error).__name__}: {str(error).strip()}"))
                tell(f"{schema} : échec")
            else:
                migrated.append(schema)
                tell(f"{schema} : à jour")


def refresh_recording() -> None:
    """See to it that openings find the recording of the migrations as they are, and drop the older ones."""
    kept = recording.current()
    SchemaRecording.objects.exclude(pk=kept.pk).delete()


def _schemas() -> list[str]:
    with schema_context("public"):
        return list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))


def _migrate(schema: str) -> None:
    """Run what a schema lacks. Each migration is a transaction: those before a failing one stay."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema])
        if cursor.fetchone() is None:
            raise DatabaseError(f"Le schéma {schema} n'existe pas.")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with session_lock_timeout(), schema_context(schema):
                # With public in the path, public's own table of migrations would be found and nothing would run.
                connection.set_schema(schema, include_public=False)  # type: ignore[attr-defined]
                MigrationRecorder(connection).ensure_schema()
                connection.set_schema(schema)  # type: ignore[attr-defined]
                executor = MigrationExecutor(connection)
                executor.migrate(executor.loader.graph.leaf_nodes())
        except OperationalError as error:
            if attempt == ATTEMPTS or not is_a_lock(error):
                raise
        else:
            return
