"""What each schema has to do, and from when: one public table, so that nobody visits the schemas to look for work.

Whoever causes the work schedules it in the causing transaction. `queue_due` turns what is due into jobs, and the job
schedules what follows. A kind of work is the name of a task, declared beside it. A job of such a task that fails for
good, or is deleted before it ended, is scheduled again by a trigger of the queue. Why: docs/decisions/0158.
"""

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Min

from core.connections import DatabaseClock
from core.registry import Registry
from jobs.models import DueWork
from jobs.periodic_tasks import periodic_task
from jobs.tasks import defer_once

#: Rows that one call of `take` removes: as many jobs are queued in the same transaction, at most.
MAX_TAKEN = 500

_TABLE = f"public.{DueWork._meta.db_table}"  # noqa: SLF001 - documented
# The row that is relied on is locked, shared: a `take` that is about to commit would not see this work, and skips it.
# What waits for later relies on no row that is due already, which would else be locked, by one after another, for ever.
_SCHEDULE = f"""
WITH standing AS MATERIALIZED (
    SELECT id FROM {_TABLE} WHERE kind = %(kind)s AND schema = %(schema)s AND due_at <= %(when)s
    AND (due_at > clock_timestamp() OR %(when)s <= clock_timestamp())
    LIMIT 1 FOR KEY SHARE SKIP LOCKED
)
INSERT INTO {_TABLE} (kind, schema, due_at)
SELECT %(kind)s, %(schema)s, %(when)s WHERE NOT EXISTS (SELECT id FROM standing)
"""  # noqa: S608 - the table's own name
# Materialised: a subquery with LIMIT and FOR UPDATE may be run again for each row, and then takes more than the limit.
_TAKE = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM {_TABLE} WHERE kind = %s AND due_at <= %s ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
DELETE FROM {_TABLE} AS work USING due WHERE work.id = due.id RETURNING work.schema
"""  # noqa: S608 - the table's own name


class _DueKind(NamedTuple):
    priority: int
    get_first_look: Callable[[datetime.datetime], datetime.datetime] | None
    is_public: bool


_kinds: Registry[_DueKind] = Registry("kind of due work")


def declare_due_work(
    kind: str,
    *,
    priority: int = 0,
    get_first_look: Callable[[datetime.datetime], datetime.datetime] | None = None,
    is_public: bool = False,
) -> None:
    """Have `queue_due` queue the task called `kind`, without arguments, where such work is due.

    The task looks for itself whether there is something to do: it may find nothing. `get_first_look`: when it looks in
    a schema of which nobody knows what is due; at once, by default. `is_public`: the public schema has such work too.
    Raises `ImproperlyConfigured` where it is declared already.
    """
    _kinds.declare(kind, _DueKind(priority, get_first_look, is_public))


def schedule(kind: str, schema: str, when: datetime.datetime) -> None:
    """Record that the schema has this work to do from `when` on; the earliest moment counts.

    In the causing transaction, anywhere: it waits for nobody, and nobody waits for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SCHEDULE, {"kind": kind, "schema": schema, "when": when})


def schedule_everywhere(schemas: Sequence[str], *, public_schema: str, at: datetime.datetime) -> int:
    """Have every schema looked at for every kind of work; return how many looks that makes.

    For a database of which nobody knows what is due, such as one whose queue was not restored.
    """
    looks = [
        DueWork(kind=name, schema=schema, due_at=kind.get_first_look(at) if kind.get_first_look else at)
        for name, kind in _kinds.items()
        for schema in ([public_schema] if kind.is_public else []) + list(schemas)
    ]
    return len(DueWork.objects.bulk_create(looks, batch_size=5_000))


def get_moment(kind: str, schema: str) -> datetime.datetime | None:
    """Return from when the schema has this work to do; None where it has none."""
    moment: datetime.datetime | None = DueWork.objects.filter(kind=kind, schema=schema).aggregate(first=Min("due_at"))[
        "first"
    ]
    return moment


def take(kind: str, *, at: datetime.datetime, limit: int = MAX_TAKEN) -> list[str]:
    """Remove the work of a kind that is due and return its schemas.

    Skips what another worker is taking, and what a transaction that has not ended relies on: the next call takes that.
    In the transaction that queues the jobs: where it fails, the work stays due.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [kind, at, limit])
        return sorted({schema for (schema,) in cursor.fetchall()})


@periodic_task(every=datetime.timedelta(minutes=1))
def queue_due() -> None:
    """Queue a job for each schema with work that is due."""
    queue_due_work(at=DatabaseClock()())


def queue_due_work(*, at: datetime.datetime, kinds: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Queue the jobs of what is due at a moment, a transaction for each kind; return kinds and schemas.

    `kinds`: only these; None means all that are declared.
    """
    queued = []
    declared = [kind for kind in _kinds if kinds is None or kind in kinds]
    due = set(DueWork.objects.filter(kind__in=declared, due_at__lte=at).values_list("kind", flat=True).distinct())
    for kind in [each for each in declared if each in due]:
        with transaction.atomic():
            for schema in take(kind, at=at):
                # One that waits has not read yet: it will see what this work was scheduled for. The trigger of the
                # queue knows the jobs of due work by this lock.
                queueing_lock = f"{kind}:{schema}"
                defer_once(kind, schema=schema, queueing_lock=queueing_lock, priority=_kinds[kind].priority)
                queued.append((kind, schema))
    return queued


def list_kinds() -> list[str]:
    """Return the kinds of work that are declared."""
    return list(_kinds)
