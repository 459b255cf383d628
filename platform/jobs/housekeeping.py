"""Periodic tasks of the queue: retry jobs whose worker died, delete old finished jobs. Run by every worker.

By procrastinate's public calls (ADR 0074). They neither lock what they list nor check what they change, so the lock on
the rows here is what keeps two workers from handling the same job.
"""

from __future__ import annotations

import datetime
import logging

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from core.advisory_locks import try_transaction_lock
from jobs.periodic_tasks import periodic_task

logger = logging.getLogger(__name__)

#: A worker that missed this many heartbeats is considered dead.
MISSED_HEARTBEATS = 3
#: A job whose worker died this many times (most likely out of memory) is marked failed.
MAX_RUNS = 5

_HOURS_KEPT = 7 * 24
_HOURS_FAILED_KEPT = 30 * 24


def get_stall_timeout() -> int:
    """Return after how many seconds without a heartbeat a worker's jobs are retried."""
    return int(settings.JOBS_HEARTBEAT) * MISSED_HEARTBEATS


@periodic_task(every=datetime.timedelta(seconds=settings.JOBS_HEARTBEAT))
@transaction.atomic
def retry_stalled_jobs() -> list[int]:
    """Requeue the jobs whose worker is dead; return their ids."""
    rescued = []
    for job_id, name, attempts in _lock_stalled_jobs():
        if attempts + 1 >= MAX_RUNS:
            logger.error("Job %s (%s) was left by %s workers and is given up", job_id, name, MAX_RUNS)
            async_to_sync(app.job_manager.finish_job_by_id_async)(job_id, Status.FAILED, delete_job=False)
        else:
            logger.warning("Job %s (%s) was left by its worker and is queued again", job_id, name)
            app.job_manager.retry_job_by_id(job_id, timezone.now())
            rescued.append(job_id)
    return rescued


def _lock_stalled_jobs() -> list[tuple[int, str, int]]:
    """Lock the stalled jobs that nobody else has locked; return their id, task name and attempts."""
    stalled = async_to_sync(app.job_manager.get_stalled_jobs)(seconds_since_heartbeat=get_stall_timeout())
    attempts = {job.id: job.attempts for job in stalled}
    # Read again under the lock: another worker may have retried a job since, and a third one have started it.
    rows = (
        ProcrastinateJob.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk__in=attempts, status=Status.DOING.value)
        .order_by("pk")
        .values_list("pk", "task_name", "attempts")
    )
    return [row for row in rows if row[2] == attempts[row[0]]]


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
