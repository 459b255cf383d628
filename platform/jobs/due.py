"""What each schema has to do, and from when: one public table, so that nobody visits the schemas to look for work.

Whoever causes the work schedules it in the causing transaction. `queue_due` turns what is due into jobs, and the job
schedules what follows. A kind of work is the name of a task, declared beside it.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import connection, transaction

from core.database_clock import DatabaseClock
from jobs.models import DueWork
from jobs.periodic_tasks import periodic_task
from jobs.tasks import defer_once

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Schemas that one call of `take` removes: as many jobs are queued in the same transaction.
MAX_TAKEN = 500

_TABLE = f"public.{DueWork._meta.db_table}"  # noqa: SLF001 - documented
# The row is locked even where the earlier moment stays: a `take` that is about to commit would not see this work.
_SCHEDULE = f"""
INSERT INTO {_TABLE} AS work (kind, schema, due_at) VALUES (%s, %s, %s)
ON CONFLICT (kind, schema) DO UPDATE SET due_at = least(work.due_at, excluded.due_at)
"""  # noqa: S608 - the table's own name
# Materialised: a subquery with LIMIT and FOR UPDATE may be run again for each row, and then takes more than the limit.
_TAKE = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM {_TABLE} WHERE kind = %s AND due_at <= %s ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM {_TABLE} AS work USING due WHERE work.id = due.id RETURNING work.schema
"""  # noqa: S608 - the table's own name

_kinds: list[str] = []


def declare_due_work(kind: str) -> None:
    """Have `queue_due` queue the task called `kind`, without arguments, where such work is due."""
    if kind not in _kinds:
        _kinds.append(kind)


def schedule(kind: str, schema: str, when: datetime.datetime) -> None:
    """Record that the schema has this work to do from `when` on; the earliest moment counts.

    In the causing transaction, as its last statement: the row is locked until it ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SCHEDULE, [kind, schema, when])


def get_moment(kind: str, schema: str) -> datetime.datetime | None:
    """Return from when the schema has this work to do; None where it has none."""
    return DueWork.objects.filter(kind=kind, schema=schema).values_list("due_at", flat=True).first()


def take(kind: str, *, at: datetime.datetime, limit: int = MAX_TAKEN) -> list[str]:
    """Remove the work of a kind that is due and return its schemas, skipping what another worker is taking.

    In the transaction that queues the jobs: where it fails, the work stays due.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [kind, at, limit])
        return sorted(schema for (schema,) in cursor.fetchall())


@periodic_task(every=datetime.timedelta(minutes=1))
def queue_due() -> None:
    """Queue a job for each schema with work that is due."""
    queue_due_work(at=DatabaseClock()())


def queue_due_work(*, at: datetime.datetime, kinds: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Queue the jobs of what is due at a moment, a transaction for each kind; return kinds and schemas.

    `kinds`: only these; None means all that are declared.
    """
    queued = []
    kinds = _kinds if kinds is None else kinds
    due = set(DueWork.objects.filter(kind__in=kinds, due_at__lte=at).values_list("kind", flat=True).distinct())
    for kind in [one for one in kinds if one in due]:
        with transaction.atomic():
            for schema in take(kind, at=at):
                # One that waits has not read yet: it will see what this work was scheduled for.
                defer_once(kind, schema=schema, queueing_lock=f"{kind}:{schema}")
                queued.append((kind, schema))
    return queued
