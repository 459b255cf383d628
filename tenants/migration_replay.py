"""Replay in many schemas the SQL that a group of migrations ran in one, in several connections.

A migration whose statements depend on more than the rows and tables they name (Python, a computed default, the name of
the schema) is not replayed: Django runs it in each schema.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.contrib.postgres import operations as postgres_operations
from django.db import migrations, models, router
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django_tenants.utils import schema_context

from core.connections import connection
from tenants import privileges
from tenants.lock_timeouts import retry_on_lock, session_lock_timeout
from tenants.migration_executor import SchemaMigrationExecutor, wait_for_concurrent_builds
from tenants.statement_recording import is_recorded, record_statements

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
    rows = ", ".join(f"('{app}', '{name}', now())" for app, name in names)
    table = f"{connection.ops.quote_name(connection.schema_name)}.django_migrations"
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
