"""Migrate all collectivities' schemas, continuing after failures.

Schemas that lack the same migrations are a group: Django migrates the first, the others replay what it ran.
"""

from __future__ import annotations

import functools
import queue
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched, groupby
from typing import Any, NamedTuple, cast

from django.conf import settings
from django.contrib.postgres import operations as postgres_operations
from django.db import Error, OperationalError, connections, migrations, models, router
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django_tenants.postgresql_backend.base import DatabaseWrapper
from django_tenants.utils import schema_context
from psycopg import sql

from core.connections import connected_as, connection
from core.schemas import UnreadableSchema, query_each
from tenants import privileges
from tenants.lock_timeouts import is_lock_error, retry_on_lock, session_lock_timeout, set_session_lock_timeout
from tenants.models import Collectivity

#: Statements that only read, or that belong to the recorded session.
_SKIPPED = re.compile(
    r"\s*(SELECT|SET\s+(?!CONSTRAINTS)|SHOW|RESET|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT)\b", re.IGNORECASE
)
_BOOKKEEPING = 'INSERT INTO "django_migrations"'


def is_recorded(statement: str) -> bool:
    """Return whether a statement is recorded: neither what only reads nor Django's rows of `django_migrations` are."""
    return not _SKIPPED.match(statement) and not statement.startswith(_BOOKKEEPING)


def record_statements(statements: list[str]) -> Callable[..., Any]:
    """Return an `execute_wrapper` that adds every statement that writes, with its parameters in it, to the list."""

    def wrapper(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 - Django's signature
        text = str(sql)
        if is_recorded(text):
            rows = (params if many else [params]) if params else [None]
            for row in rows:
                statement = context["cursor"].cursor.mogrify(text, row) if row else text
                statements.append(statement.strip().rstrip(";"))
        return execute(sql, params, many, context)

    return wrapper


# Django's executor of migrations for one schema among thousands: it reads neither files nor catalogue for each.
#
# Django's own reads every file of migrations again for each schema, and lists all tables of the database to learn
# whether one is there: with each schema more, every schema took longer. Why: docs/decisions/0157.

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


# Replay in many schemas the SQL that a group of migrations ran in one, in several connections.
#
# A migration whose statements depend on more than the rows and tables they name (Python, a computed default, the name
# of the schema) is not replayed: Django runs it in each schema.

#: Modules of the operations whose statements follow from the models alone.
_DECLARATIVE = (migrations.AddField.__module__.rpartition(".")[0], postgres_operations.__name__)
#: Defaults that are the same each time they are computed.
_CONSTANT_DEFAULTS = (dict, list)


@dataclass(frozen=True, slots=True)
class RecordedMigration:
    """A migration and the statements that it ran in one schema."""

    migration: migrations.Migration
    statements: tuple[str, ...]
    #: Whether Django must run it in each schema.
    needs_django: bool


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """Migrations that a schema gets together: in one transaction, or one alone."""

    migrations: tuple[RecordedMigration, ...]
    is_atomic: bool = True
    needs_django: bool = False
    #: What the roles of the application and of reports may do to what the migrations created.
    grants: tuple[str, ...] = ()


@dataclass(slots=True)
class Recording:
    """What was run in the first schema of a group: filled while it is migrated, over several attempts if need be."""

    schema: str
    migrations: list[RecordedMigration] = field(default_factory=list)
    grants: tuple[str, ...] = ()
    #: Those that its tables had before: read at the first attempt.
    former_grants: frozenset[str] | None = None

    def list_steps(self) -> list[ReplayStep]:
        """Return the steps that bring another schema to where this one is, in the order of the migrations."""
        steps: list[ReplayStep] = []
        # One that did nothing here, as those of public apps, breaks no transaction.
        for (is_atomic, needs_django), group in groupby(
            self.migrations, key=lambda one: (one.migration.atomic or not one.statements, one.needs_django)
        ):
            recorded = tuple(group)
            if is_atomic and not needs_django:
                steps.append(ReplayStep(recorded))
            else:
                steps.extend(ReplayStep((one,), is_atomic, needs_django) for one in recorded)
        if self.grants:
            steps.append(ReplayStep((), grants=self.grants))
        if len(steps) > 1 and self.grants and steps[-2].is_atomic and not steps[-2].needs_django:
            # In the transaction that creates: the application serves requests in between.
            steps[-2:] = [ReplayStep(steps[-2].migrations, grants=self.grants)]
        return steps


def record_missing_migrations(recording: Recording, files: MigrationLoader) -> None:
    """Apply the missing migrations of the recording's schema, and record them."""
    schema = recording.schema
    statements: list[str] = []

    def note(action: str, migration: migrations.Migration | None = None, _fake: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        if action == "apply_start":
            statements.clear()
        elif action == "apply_success" and migration is not None:
            recording.migrations.append(
                RecordedMigration(migration, tuple(statements), _needs_django(migration, statements, schema))
            )

    with session_lock_timeout(), schema_context(schema):
        if recording.former_grants is None:
            recording.former_grants = frozenset(privileges.list_recorded_grants(schema))
        executor = SchemaMigrationExecutor(files, note)
        with (
            connection.execute_wrapper(wait_for_concurrent_builds),
            connection.execute_wrapper(record_statements(statements)),
        ):
            executor.migrate(executor.loader.graph.leaf_nodes())
        grants = privileges.list_recorded_grants(schema)
        recording.grants = tuple(one for one in grants if one not in recording.former_grants)
        with connection.cursor() as cursor:
            for statement in recording.grants:
                cursor.execute(statement)


def replay(schema: str, step: ReplayStep) -> None:
    """Bring a schema one step further. Raises `LockUnavailable` where a lock was not available in time."""
    with schema_context(schema):
        # Before the transaction, whose rollback would take it back.
        connection.cursor().close()
        if step.is_atomic:
            retry_on_lock(lambda: _replay_in_transaction(step))
            return
        with connection.execute_wrapper(wait_for_concurrent_builds):
            for recorded in step.migrations:
                for statement in recorded.statements:
                    retry_on_lock(functools.partial(_execute, [statement]), in_transaction=False)
                _execute([_record_applied(step.migrations)])


def run_by_django(schema: str, step: ReplayStep, files: MigrationLoader, state: ProjectState | None) -> ProjectState:
    """Have Django run the one migration of a step in a schema; return the state before it, which others share."""
    [recorded] = step.migrations
    with session_lock_timeout(), schema_context(schema):
        executor = SchemaMigrationExecutor(files)
        before = state or executor.migrate([], plan=[])
        with connection.execute_wrapper(wait_for_concurrent_builds):
            executor.migrate([], plan=[(recorded.migration, False)], state=before.clone())
    return before


def _replay_in_transaction(step: ReplayStep) -> None:
    for place, recorded in enumerate(step.migrations):
        if place:
            # As at the end of each migration's own transaction: a table with deferred checks cannot be altered.
            _execute(["SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"])
        _execute(recorded.statements)
    if step.migrations:
        _execute([_record_applied(step.migrations)])
    _execute(step.grants)


def _execute(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _record_applied(applied: Sequence[RecordedMigration]) -> str:
    """Return the statement that says in `django_migrations` that these, and those that they squash, were applied."""
    names: list[tuple[str, str]] = []
    for recorded in applied:
        names += [*recorded.migration.replaces, (recorded.migration.app_label, recorded.migration.name)]
    return build_applied_rows(names, table=f"{connection.ops.quote_name(connection.schema_name)}.django_migrations")


def build_applied_rows(names: Iterable[tuple[str, str]], *, table: str = "django_migrations") -> str:
    """Return the statement that records migrations, by app and name, as applied, in this order."""
    rows = ", ".join(f"('{app}', '{name}', now())" for app, name in names)
    return f"INSERT INTO {table} (app, name, applied) VALUES {rows}"  # noqa: S608 - names of Python modules


def _needs_django(migration: migrations.Migration, statements: Sequence[str], schema: str) -> bool:
    """Return whether the statements that a migration ran in `schema`, the current one, are not for every schema."""
    if not router.allow_migrate(connection.alias, migration.app_label):
        return False  # it did nothing
    name = re.compile(rf"\b{re.escape(schema)}\b")
    return any(map(_is_computed, migration.operations)) or any(map(name.search, statements))


def _is_computed(operation: Operation) -> bool:
    """Return whether an operation runs what is not in its recorded statements."""
    match operation:
        case migrations.SeparateDatabaseAndState():
            return any(map(_is_computed, operation.database_operations))
        case migrations.RunSQL():
            return not all(map(is_recorded, _list_statements(operation.sql)))
        case migrations.AddField() | migrations.AlterField():
            return _has_computed_default(operation.field)
    return isinstance(operation, migrations.RunPython) or not type(operation).__module__.startswith(_DECLARATIVE)


def _list_statements(sql: Any) -> list[str]:
    if isinstance(sql, str):
        return [sql]
    return [one if isinstance(one, str) else one[0] for one in sql]


def _has_computed_default(field: models.Field[Any, Any]) -> bool:
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return True
    return callable(field.default) and field.has_default() and field.default not in _CONSTANT_DEFAULTS


type _Ended = queue.SimpleQueue[tuple[str, Exception | None] | None]


def work_in_schemas(
    schemas: Sequence[str], work: Callable[[str], object], *, in_threads: bool = True
) -> Generator[tuple[str, Exception | None]]:
    """Call `work` with each schema, in `settings.MIGRATION_CONNECTIONS` threads; yield each as it ends, and its error.

    With one, for a lone schema or without `in_threads`, in the current connection. What stops the caller stops the
    threads, each after the schema that it is in.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for schema in schemas:
        waiting.put(schema)
    number = min(settings.MIGRATION_CONNECTIONS, len(schemas))
    if in_threads and number > 1:
        yield from _work_in_threads(waiting, work, number)
    # Also what the threads left, if none could connect.
    yield from _work_off(waiting, work)


def _work_in_threads(
    waiting: queue.SimpleQueue[str], work: Callable[[str], object], number: int
) -> Generator[tuple[str, Exception | None]]:
    ended: _Ended = queue.SimpleQueue()
    arguments = (connection.settings_dict, waiting, work, ended)
    threads = [threading.Thread(target=_run_thread, args=arguments) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        running = number
        while running:
            one = ended.get()
            if one is None:
                running -= 1
            else:
                yield one
    except BaseException:
        # Also where the caller takes no more.
        for _ in _take(waiting):
            pass
        raise
    finally:
        for thread in threads:
            thread.join()


def _run_thread(
    role: dict[str, Any], waiting: queue.SimpleQueue[str], work: Callable[[str], object], ended: _Ended
) -> None:
    """Work off what waits in a connection of its own; at the end, say so by a None."""
    try:
        with connected_as(role):
            connection.ensure_connection()
            for schema, error in _work_off(waiting, work):
                if error and not connection.is_usable():
                    connection.close()  # the next one connects again
                ended.put((schema, error))
    except Error:
        pass  # No connection: the others take what waits.
    finally:
        ended.put(None)


def _work_off(
    waiting: queue.SimpleQueue[str], work: Callable[[str], object]
) -> Generator[tuple[str, Exception | None]]:
    for schema in _take(waiting):
        try:
            work(schema)
        except Exception as error:  # noqa: BLE001 - a migration may fail in any way; the others must go on
            yield schema, error
        else:
            yield schema, None


def _take(waiting: queue.SimpleQueue[str]) -> Iterator[str]:
    while True:
        try:
            yield waiting.get_nowait()
        except queue.Empty:
            return


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
