"""Migrate all collectivities' schemas, continuing after failures.

Schemas that lack the same migrations are a group: Django migrates the first, the others replay what it ran.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import NamedTuple

from django.db import OperationalError
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django_tenants.utils import schema_context
from psycopg import sql

from core.connections import connection
from core.schemas import UnreadableSchema, query_each
from tenants.lock_timeouts import is_lock_error
from tenants.migration_executor import SchemaMigrationLoader, read_migration_files
from tenants.migration_replay import Recording, ReplayStep, record_missing_migrations, replay, run_by_django
from tenants.models import Collectivity
from tenants.schema_connections import work_in_schemas

#: Schemas per statement.
CHUNK_SIZE = 200
#: Attempts per schema where a lock is not available to Django.
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


class MissingMigrations(NamedTuple):
    """What schemas lack: `app.name` of migrations, by schema; and the schemas that cannot be migrated."""

    by_schema: dict[str, frozenset[str]]
    failed: list[MigrationFailure]


class SchemaTables(NamedTuple):
    """How many tables a schema has, and which of them the public schema has too."""

    number: int
    shared: frozenset[str]


def list_expected(files: MigrationLoader) -> list[str]:
    """Return the migrations of an up-to-date schema, as `app.name`."""
    return [f"{app}.{name}" for app, name in SchemaMigrationLoader(files, {}).graph.nodes]


def find_missing(schemas: Sequence[str], files: MigrationLoader) -> MissingMigrations:
    """Return what the schemas lack, in the given order; those that lack nothing are left out.

    Reads all migration tables by a handful of statements: one by one takes minutes for a thousand schemas.
    """
    expected = list_expected(files)
    wanted = sql.SQL("WITH wanted AS MATERIALIZED (SELECT unnest({}::text[]) AS migration) ").format(expected)
    tables = _read_tables(schemas)
    faults = {schema: fault for schema in schemas if (fault := _find_fault(schema, tables.get(schema)))}
    # An empty schema lacks them all.
    missing = {schema: frozenset(expected) for schema in schemas if schema not in faults}
    unreadable: list[UnreadableSchema] = []
    for chunk in batched([schema for schema in missing if tables[schema].number], CHUNK_SIZE):
        found = query_each(chunk, _select_missing, unreadable=unreadable, before=wanted)
        missing.update((schema, frozenset(names)) for schema, names in found)
    faults |= {schema: _describe(error) for schema, error in unreadable}
    by_schema = {schema: names for schema, names in missing.items() if names and schema not in faults}
    for group in _group(by_schema):
        faults |= _find_lacking_tables(group, tables)
    return MissingMigrations(
        {schema: names for schema, names in by_schema.items() if schema not in faults},
        [MigrationFailure(schema, fault) for schema, fault in faults.items()],
    )


def apply_missing_migrations(schema: str, files: MigrationLoader) -> Recording:
    """Apply an existing schema's missing migrations, each in its own transaction; return what was run.

    Those before a failing one stay.
    """
    recording = Recording(schema)
    _retry(lambda: record_missing_migrations(recording, files))
    return recording


def migrate_collectivities(
    *, schemas: Sequence[str] | None = None, report: Callable[[str], None] = lambda _: None
) -> MigrationOutcome:
    """Migrate the schemas (all collectivities' by default), continuing after failures.

    Repeats until no new schema appears: other processes may open offices from an old snapshot meanwhile.
    """
    run = _MigrationRun(read_migration_files(), report)
    up_to_date = 0
    checked: set[str] = set()
    while True:
        current = list(schemas) if schemas is not None else _list_schemas()
        new = [schema for schema in current if schema not in checked]
        if not new:
            return MigrationOutcome(up_to_date, run.migrated, run.failed)
        checked.update(new)
        missing = find_missing(new, run.files)
        up_to_date += len(new) - len(missing.by_schema) - len(missing.failed)
        for failure in missing.failed:
            run.fail(*failure)
        for group in _group(missing.by_schema):
            run.migrate_group(group)


@dataclass(slots=True)
class _MigrationRun:
    """A run's files of migrations, and its result so far."""

    files: MigrationLoader
    report: Callable[[str], None]
    migrated: list[str] = field(default_factory=list)
    failed: list[MigrationFailure] = field(default_factory=list)

    def migrate_group(self, schemas: Sequence[str]) -> None:
        """Migrate schemas that lack the same migrations: the first by Django, the others by what it ran there."""
        waiting = list(schemas)
        recording: Recording | None = None
        while waiting and recording is None:
            recording = self._record(waiting.pop(0))
        if recording is None or not waiting:
            return
        for step in recording.list_steps():
            work = self._migrate_by_django(step) if step.needs_django else functools.partial(replay, step=step)
            moved = []
            # Python does the work of Django's executor: no faster in several threads.
            for schema, error in work_in_schemas(waiting, work, in_threads=not step.needs_django):
                if error is None:
                    moved.append(schema)
                else:
                    self.fail(schema, _describe(error))
            waiting = moved
        for schema in waiting:
            self._succeed(schema)

    def fail(self, schema: str, error: str) -> None:
        """Note a schema that failed."""
        self.failed.append(MigrationFailure(schema, error))
        self.report(f"{schema} : échec")

    def _succeed(self, schema: str) -> None:
        self.migrated.append(schema)
        self.report(f"{schema} : à jour")

    def _record(self, schema: str) -> Recording | None:
        try:
            recording = apply_missing_migrations(schema, self.files)
        except Exception as error:  # noqa: BLE001 - a migration may fail in any way; the others must go on
            self.fail(schema, _describe(error))
            return None
        self._succeed(schema)
        return recording

    def _migrate_by_django(self, step: ReplayStep) -> Callable[[str], None]:
        state: ProjectState | None = None

        def migrate(schema: str) -> None:
            nonlocal state
            # The same for all: they have applied the same migrations before this one.
            state = _retry(lambda: run_by_django(schema, step, self.files, state))

        return migrate


def _group(missing: dict[str, frozenset[str]]) -> list[list[str]]:
    """Return the schemas that lack the same migrations together."""
    groups = defaultdict(list)
    for schema, names in missing.items():
        groups[names].append(schema)
    return list(groups.values())


def _list_schemas() -> list[str]:
    with schema_context("public"):
        return list(Collectivity.objects.order_by("pk").values_list("schema_name", flat=True))


def _read_tables(schemas: Sequence[str]) -> dict[str, SchemaTables]:
    """Return the tables of those schemas that exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname, count(own.oid), array_agg(own.relname::text) FILTER (WHERE common.oid IS NOT NULL)"
            " FROM pg_namespace LEFT JOIN pg_class AS own ON own.relnamespace = pg_namespace.oid"
            " AND own.relkind IN ('r', 'p')"
            " LEFT JOIN pg_class AS common ON common.relnamespace = 'public'::regnamespace"
            " AND common.relname = own.relname AND common.relkind IN ('r', 'p')"
            " WHERE nspname = ANY(%s) GROUP BY nspname",
            [list(schemas)],
        )
        return {schema: SchemaTables(number, frozenset(shared or ())) for schema, number, shared in cursor.fetchall()}


def _find_fault(schema: str, tables: SchemaTables | None) -> str | None:
    """Return why a schema cannot be migrated: a French sentence."""
    if tables is None:
        return f"Le schéma {schema} n'existe pas."
    if tables.number and "django_migrations" not in tables.shared:
        return f"Le schéma {schema} a perdu sa table django_migrations : ce qu'il lui manque est inconnu."
    return None


def _find_lacking_tables(schemas: Sequence[str], tables: dict[str, SchemaTables]) -> dict[str, str]:
    """Return a French sentence for each schema without a table that the public schema and half of the others have.

    A statement on such a table would reach the public one, which stands next in the search path.
    """
    counts = Counter(name for schema in schemas for name in tables[schema].shared)
    common = {name for name, count in counts.items() if count * 2 >= len(schemas)}
    return {
        schema: f"Il manque au schéma {schema} : {', '.join(sorted(lacking))}."
        for schema in schemas
        if (lacking := common - tables[schema].shared)
    }


def _select_missing(schema: str) -> sql.Composed:
    return sql.SQL(
        "SELECT {}, ARRAY(SELECT migration FROM wanted EXCEPT SELECT app || '.' || name FROM {}.django_migrations)"
    ).format(sql.Literal(schema), sql.Identifier(schema))


def _retry[T](work: Callable[[], T]) -> T:
    """Call `work` again where a lock was not available: what it had committed is not done again."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return work()
        except OperationalError as error:
            if not is_lock_error(error):
                raise
    return work()


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()}"
