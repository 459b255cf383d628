"""How the workers keep up: their last heartbeat, what is due and since when, and what failed. A query each."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db import connection

from jobs.housekeeping import get_stall_timeout
from jobs.models import DueWork

#: What waits for longer is late: the longest job that others wait for ends well before.
LATE_AFTER = datetime.timedelta(minutes=15)
#: For how long a job that failed for good is counted.
FAILED_WITHIN = datetime.timedelta(days=7)

_DUE_WORK = f"public.{DueWork._meta.db_table}"  # noqa: SLF001 - documented
# A job waits since it was queued, or since the moment for which it was scheduled or put off.
_DUE_JOBS = """
    SELECT job.queue_name, job.task_name, coalesce(job.scheduled_at, queued.at) AS since
    FROM public.procrastinate_jobs AS job
    LEFT JOIN LATERAL (
        SELECT min(event.at) AS at FROM public.procrastinate_events AS event WHERE event.job_id = job.id
    ) AS queued ON true
    WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= %(now)s)
"""
_BY_TASK = f"""
SELECT queue_name, task_name, count(*), min(since) FROM ({_DUE_JOBS}) AS due_jobs GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - a text of ours
_HEARTBEATS = """
SELECT count(*) FILTER (WHERE last_heartbeat >= %s), max(last_heartbeat) FROM public.procrastinate_workers
"""
_STATUS = f"""
WITH due_jobs AS ({_DUE_JOBS}), failed AS (
    SELECT count(DISTINCT job.id) AS jobs
    FROM public.procrastinate_jobs AS job
    JOIN public.procrastinate_events AS event ON event.job_id = job.id AND event.type = 'failed'
    WHERE job.status = 'failed' AND event.at > %(failed_since)s
)
SELECT
    (SELECT max(last_heartbeat) FROM public.procrastinate_workers),
    (SELECT count(*) FROM due_jobs),
    least((SELECT min(since) FROM due_jobs), (SELECT min(due_at) FROM {_DUE_WORK} WHERE due_at <= %(now)s)),
    (SELECT jobs FROM failed)
"""  # noqa: S608 - the table's own name


class WorkStatus(NamedTuple):
    """`heartbeat_at`: the last of any worker; None where none has run since the queue was made."""

    at: datetime.datetime
    heartbeat_at: datetime.datetime | None
    due_jobs: int
    #: Since when the oldest due job, or due work of an office, waits; None where nothing does.
    waiting_since: datetime.datetime | None
    #: Those that failed for good within `FAILED_WITHIN`.
    failed_jobs: int

    @property
    def has_worker(self) -> bool:
        """Whether a worker has beaten as lately as one that lives does."""
        silence = datetime.timedelta(seconds=get_stall_timeout())
        return self.heartbeat_at is not None and self.at - self.heartbeat_at <= silence

    @property
    def is_late(self) -> bool:
        """Whether something waits for longer than `LATE_AFTER`."""
        return self.waiting_since is not None and self.at - self.waiting_since > LATE_AFTER


def read_work_status(at: datetime.datetime) -> WorkStatus:
    """Return how the workers keep up at a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_STATUS, {"now": at, "failed_since": at - FAILED_WITHIN})
        return WorkStatus(at, *cursor.fetchone())


class Heartbeats(NamedTuple):
    """How many lanes of workers live, and when the last of any worker beat."""

    alive: int
    last_at: datetime.datetime | None


def read_heartbeats(at: datetime.datetime) -> Heartbeats:
    """Return the heartbeats at a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_HEARTBEATS, [at - datetime.timedelta(seconds=get_stall_timeout())])
        return Heartbeats(*cursor.fetchone())


class DueTask(NamedTuple):
    """The due jobs of a task in a queue: how many, and since when the oldest waits."""

    queue: str
    task: str
    jobs: int
    since: datetime.datetime


def list_due_tasks(at: datetime.datetime) -> list[DueTask]:
    """Return what is due at a moment, by queue and task."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_TASK, {"now": at})
        return [DueTask(*row) for row in cursor.fetchall()]
