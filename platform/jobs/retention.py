"""How long rows are kept: an app declares it beside its tasks, one job deletes what is older, the audit looks for it.

In the public schema by a periodic task; in an office's by due work, which is scheduled by whoever causes the rows, for
the day on which they may be deleted. Rows go in batches, each a short transaction of its own, and a row that somebody
has locked is left for the next time. Each table has its line in docs/retention.md. Why: docs/decisions/0169.
"""

import datetime
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django_tenants.utils import get_public_schema_name

from core.connections import DatabaseClock, connection
from core.registry import Registry
from jobs import due
from jobs.periodic_tasks import periodic_task
from jobs.tasks import task

#: Kind of the due work of an office.
PRUNE_ROWS = "jobs.prune_rows"
#: Rows a transaction, which bounds how long its locks are held.
BATCH_SIZE = 5_000
#: Between two looks at one schema.
_OFFICE_INTERVAL, _PUBLIC_INTERVAL = datetime.timedelta(days=1), datetime.timedelta(hours=6)
#: How much older than its time a row is before the audit names its table: workers may have been away for days.
OVERDUE_AFTER = datetime.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows of a table are kept."""

    model: type[Model]
    kept_for: datetime.timedelta
    #: The rows that may be deleted and are kept since before a moment; since when the oldest of them is kept.
    list_old: Callable[[datetime.datetime], QuerySet[Any]]
    find_oldest: Callable[[], datetime.datetime | None]
    #: Removes rows that are locked, by their primary keys, at a moment; None where another task deletes them.
    remove: Callable[[Collection[Any], datetime.datetime], None] | None
    batch_size: int = BATCH_SIZE
    #: What is locked before the rows, where whoever changes them locks it before them.
    lock_first: Callable[[], None] | None = None

    @property
    def table(self) -> str:
        return self.model._meta.db_table  # noqa: SLF001 - documented

    def is_in_current_schema(self) -> bool:
        """Whether the current schema has the table."""
        is_public = connection.schema_name == get_public_schema_name()
        apps = settings.SHARED_APPS if is_public else settings.TENANT_APPS
        return self.model._meta.app_config.name in apps  # noqa: SLF001 - documented

    def prune(self, *, at: datetime.datetime) -> int:
        """Remove what is older than `kept_for`; return how many rows. A transaction for each batch."""
        pruned = 0
        while self.remove is not None and (removed := self._prune_batch(at)):
            pruned += removed
        return pruned

    @transaction.atomic
    def _prune_batch(self, at: datetime.datetime) -> int:
        if self.lock_first is not None:
            self.lock_first()
        old = self.list_old(at - self.kept_for).order_by("pk")
        # Looked at again once locked: what somebody is changing is skipped, and what they changed is no longer old.
        unlocked = old.select_for_update(of=("self",), skip_locked=True)
        ids = list(unlocked.values_list("pk", flat=True)[: self.batch_size])
        if ids and self.remove is not None:
            self.remove(ids, at)
        return len(ids)


#: By table, in the order in which they are pruned within a schema: that of their declarations.
retentions: Registry[Retention] = Registry("retention of")


def declare_retention(
    model: type[Model],
    *,
    kept_for: datetime.timedelta,
    since: str | Combinable,
    only: Q | None = None,
    remove: Callable[[Collection[Any], datetime.datetime], None] | None = None,
    batch_size: int = BATCH_SIZE,
    lock_first: Callable[[], None] | None = None,
) -> None:
    """Have the rows of a table that are older than `kept_for` deleted, or removed as `remove` does.

    `since`: a column or an expression, which is null for rows that stay. `only`: the rows that may be deleted at all.
    Whoever writes a row calls `schedule_pruning`, unless it comes with another that is kept no longer. Raises
    `ImproperlyConfigured` where the table has a declaration.
    """
    queries = _build_queries(model, since, only)
    _declare(Retention(model, kept_for, *queries, remove or partial(_delete, model), batch_size, lock_first))


def declare_retention_by_queries(
    model: type[Model],
    *,
    kept_for: datetime.timedelta,
    list_old: Callable[[datetime.datetime], QuerySet[Any]],
    find_oldest: Callable[[], datetime.datetime | None],
) -> None:
    """Have rows deleted whose age is that of other rows. The parameters are the fields of `Retention`."""
    _declare(Retention(model, kept_for, list_old, find_oldest, partial(_delete, model)))


def declare_pruned_elsewhere(model: type[Model], *, kept_for: datetime.timedelta, since: str) -> None:
    """Have the audit name the table where rows are older than `kept_for`, which another task deletes."""
    _declare(Retention(model, kept_for, *_build_queries(model, since, None), None))


def _declare(retention: Retention) -> None:
    retentions.declare(retention.table, retention)


def _build_queries(
    model: type[Model], since: str | Combinable, only: Q | None
) -> tuple[Callable[[datetime.datetime], QuerySet[Any]], Callable[[], datetime.datetime | None]]:
    moment = F(since) if isinstance(since, str) else since

    def list_rows() -> QuerySet[Any]:
        rows = model._default_manager.filter(only or Q())  # noqa: SLF001 - documented
        dated: QuerySet[Any] = rows.annotate(kept_since=moment).order_by()
        return dated

    def list_old(before: datetime.datetime) -> QuerySet[Any]:
        return list_rows().filter(kept_since__lt=before)

    def find_oldest() -> datetime.datetime | None:
        oldest: datetime.datetime | None = list_rows().aggregate(oldest=Min("kept_since"))["oldest"]
        return oldest

    return list_old, find_oldest


def _delete(model: type[Model], ids: Collection[Any], _at: datetime.datetime) -> None:
    meta = model._meta  # noqa: SLF001 - documented
    with connection.cursor() as cursor:
        # Raw SQL: where anything listens to deletions the ORM loads the rows first, which takes six times as long.
        cursor.execute(f"DELETE FROM {meta.db_table} WHERE {meta.pk.column} = ANY(%s)", [list(ids)])  # noqa: S608 - own names


def prune_schema(*, at: datetime.datetime) -> dict[str, int]:
    """Delete what is kept no longer in the current schema; return the number of rows by table.

    In an office's schema it schedules itself for the rest.
    """
    here = [each for each in retentions.values() if each.remove is not None and each.is_in_current_schema()]
    pruned = {each.table: each.prune(at=at) for each in here}
    if connection.schema_name != get_public_schema_name():
        _schedule_next(here, at)
    return {table: count for table, count in pruned.items() if count}


@transaction.atomic
def _schedule_next(pruned: Collection[Retention], at: datetime.datetime) -> None:
    # Whoever writes a row after this relies on the row of due work that stands, or adds one.
    oldest = [(each.find_oldest(), each.kept_for) for each in pruned]
    moments = [moment + kept_for for moment, kept_for in oldest if moment is not None]
    if moments:
        due.schedule(PRUNE_ROWS, connection.schema_name, max(min(moments), at + _OFFICE_INTERVAL))


def schedule_pruning(when: datetime.datetime) -> None:
    """Record that the current office has rows that may be deleted from `when` on, in the transaction that writes them.

    Does nothing in the public schema, which is looked at in any case.
    """
    if connection.schema_name != get_public_schema_name():
        due.schedule(PRUNE_ROWS, connection.schema_name, when)


def find_overdue(*, at: datetime.datetime) -> Iterator[tuple[str, int]]:
    """Yield the tables of the current schema with rows that should long be deleted, and how many."""
    for table, kept in retentions.items():
        if kept.is_in_current_schema() and (count := kept.list_old(at - kept.kept_for - OVERDUE_AFTER).count()):
            yield table, count


due.declare_due_work(PRUNE_ROWS, priority=-10)


@task(name=PRUNE_ROWS)
def prune_office() -> None:
    """Delete what the current office keeps no longer."""
    prune_schema(at=DatabaseClock()())


@periodic_task(every=_PUBLIC_INTERVAL)
def prune_public() -> None:
    """Delete what the public schema keeps no longer."""
    prune_schema(at=DatabaseClock()())
