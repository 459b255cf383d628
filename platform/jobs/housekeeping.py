"""Periodic tasks of the queue: retry jobs whose worker died, delete old finished jobs. Run by every worker.

By procrastinate's public calls (docs/decisions/0011). They neither lock what they list nor check what they change, so
the lock on the rows here is what keeps two workers from handling the same job.
"""

import datetime
import logging
import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from core.advisory_locks import try_transaction_lock
from core.telemetry import count_on_commit
from jobs import periodic_tasks, tasks
from jobs.models import DueWork, LostRun
from jobs.periodic_tasks import periodic_task
from jobs.tasks import report_given_up

_LIVE = (Status.TODO.value, Status.DOING.value)


def count_live_jobs(*, queues: Collection[str], schema: str) -> int:
    """Return how many jobs of a schema wait or run in these queues."""
    return ProcrastinateJob.objects.filter(status__in=_LIVE, queue_name__in=queues, args__schema=schema).count()


logger = logging.getLogger(__name__)

#: A worker that missed this many heartbeats is considered dead.
MISSED_HEARTBEATS = 3
#: A job whose worker died this many times under it (most likely out of memory) is marked failed.
MAX_LOST_RUNS = 2
#: Seconds between the next starts of the jobs that died together: the one that kills its worker then dies alone.
STAGGER = 30.0

_HOURS_KEPT = 7 * 24
_HOURS_FAILED_KEPT = 30 * 24


def get_stall_timeout() -> int:
    """Return after how many seconds without a heartbeat a worker's jobs are retried."""
    return int(settings.JOBS_HEARTBEAT) * MISSED_HEARTBEATS


class OutageClock:
    """When the database was last out of reach: until the workers have beaten again, none is judged dead."""

    def __init__(self) -> None:
        self.seen_at = float("-inf")

    def is_recent(self) -> bool:
        return time.monotonic() - self.seen_at < get_stall_timeout()


last_outage = OutageClock()


@periodic_task(every=datetime.timedelta(seconds=settings.JOBS_HEARTBEAT))
def retry_stalled_jobs() -> list[int]:
    """Requeue the jobs whose worker is dead, each in a transaction of its own; return their ids.

    Only the suspects of a death are charged with it: the jobs of suspect lanes, or all where there is none.
    """
    try:
        found = async_to_sync(app.job_manager.get_stalled_jobs)(seconds_since_heartbeat=get_stall_timeout())
    except Exception:
        last_outage.seen_at = time.monotonic()
        raise
    if last_outage.is_recent():
        return []
    stalled = sorted((job for job in found if job.id is not None), key=lambda job: job.id or 0)
    suspects = [job.id for job in stalled if tasks.is_suspect(job.queue)] or [job.id for job in stalled]
    rescued = []
    for job in stalled:
        delay = datetime.timedelta(seconds=STAGGER * suspects.index(job.id)) if job.id in suspects else None
        try:
            if job.id is not None and _rescue(job.id, attempts=job.attempts, charged_delay=delay):
                rescued.append(job.id)
        except Exception:
            # A conflict of one job must not keep the others waiting.
            logger.exception("Job %s (%s) was left by its worker and cannot be queued again", job.id, job.task_name)
    return rescued


@transaction.atomic
def _rescue(job_id: int, *, attempts: int, charged_delay: datetime.timedelta | None) -> bool:
    """Requeue or end a stalled job, unless another worker has handled it since; return whether it was requeued.

    `charged_delay`: for a suspect, when it may start again; the death of its worker is then recorded.
    """
    job = _lock_doing_job(job_id, attempts=attempts)
    if job is None:
        return False
    at = timezone.now()
    if charged_delay is not None:
        LostRun.objects.create(job_id=job_id, at=at)
        count_on_commit(periodic_tasks.LOST_RUNS)
        if LostRun.objects.filter(job_id=job_id).count() >= MAX_LOST_RUNS:
            logger.error("Job %s (%s) has killed %s workers and is given up", job_id, job.task_name, MAX_LOST_RUNS)
            _finish(job_id, Status.FAILED)
            count_on_commit(periodic_tasks.FAILED)
            report_given_up(job.task_name, job.args)
            return False
    return _requeue(job, at + (charged_delay or datetime.timedelta()))


def retry_own_jobs(attempts_by_id: Mapping[int, int]) -> list[int]:
    """Requeue those of the jobs that this process has ended or left and that still count as running; return their ids.

    The process did not die: nothing is charged to them.
    """
    running = ProcrastinateJob.objects.filter(pk__in=attempts_by_id, status=Status.DOING.value)
    return [
        job_id
        for job_id in running.order_by("pk").values_list("pk", flat=True)
        if _retry_own(job_id, attempts_by_id[job_id])
    ]


@transaction.atomic
def _retry_own(job_id: int, attempts: int) -> bool:
    job = _lock_doing_job(job_id, attempts=attempts)
    return job is not None and _requeue(job, timezone.now())


def _lock_doing_job(job_id: int, *, attempts: int) -> ProcrastinateJob | None:
    """Lock the job if nobody else has, and nobody has retried it (which counts an attempt) or finished it since."""
    jobs = ProcrastinateJob.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return jobs.filter(pk=job_id, status=Status.DOING.value, attempts=attempts).first()


def _requeue(job: ProcrastinateJob, at: datetime.datetime) -> bool:
    waiting = ProcrastinateJob.objects.filter(queueing_lock=job.queueing_lock, status=Status.TODO.value)
    if job.queueing_lock is not None and waiting.exists():
        logger.warning("Job %s (%s) was left by its worker; another one waits in its stead", job.pk, job.task_name)
        _finish(job.pk, Status.ABORTED)
        return False
    logger.warning("Job %s (%s) was left by its worker and is queued again", job.pk, job.task_name)
    app.job_manager.retry_job_by_id(job.pk, at)
    return True


def _finish(job_id: int, status: Status) -> None:
    async_to_sync(app.job_manager.finish_job_by_id_async)(job_id, status, delete_job=False)


@periodic_task(every=datetime.timedelta(hours=1))
@transaction.atomic
def prune_finished_jobs() -> None:
    """Delete jobs finished over 7 days ago, failed ones after 30."""
    # Two workers at once would lock the same rows in different orders.
    if not try_transaction_lock("jobs/prune"):
        return
    delete_old_jobs = async_to_sync(app.job_manager.delete_old_jobs)
    delete_old_jobs(_HOURS_KEPT, include_cancelled=True, include_aborted=True)
    delete_old_jobs(_HOURS_FAILED_KEPT, include_failed=True)
    LostRun.objects.exclude(job_id__in=ProcrastinateJob.objects.values("pk")).delete()


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
