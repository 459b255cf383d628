"""Periodic tasks of the queue: retry jobs whose worker died, delete old finished jobs. Run by every worker.

Each statement selects its rows with SKIP LOCKED and checks their state under the lock, so that two workers never handle
the same job.
"""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db import connection, transaction

from jobs.periodic_tasks import periodic_task

logger = logging.getLogger(__name__)

#: A worker that missed this many heartbeats is considered dead.
MISSED_HEARTBEATS = 3
#: A job whose worker died this many times (most likely out of memory) is marked failed.
MAX_RUNS = 5

_SELECT_STALLED = """
    SELECT job.id, job.task_name, job.attempts FROM procrastinate_jobs job
    WHERE job.status = 'doing'
      AND NOT EXISTS (
          SELECT FROM procrastinate_workers worker
          WHERE worker.id = job.worker_id AND worker.last_heartbeat >= now() - make_interval(secs => %s)
      )
    ORDER BY job.id
    FOR NO KEY UPDATE OF job SKIP LOCKED
"""
_DELETE_OLD = """
    DELETE FROM procrastinate_jobs WHERE id IN (
        SELECT job.id FROM procrastinate_jobs job
        WHERE job.status IN ('succeeded', 'cancelled', 'aborted', 'failed')
          AND NOT EXISTS (
              SELECT FROM procrastinate_events event
              WHERE event.job_id = job.id
                AND event.at > now() - CASE job.status WHEN 'failed' THEN interval '30 days' ELSE interval '7 days' END
          )
        LIMIT %s
        FOR UPDATE OF job SKIP LOCKED
    )
"""
#: Rows per DELETE, to bound how long its locks are held.
_DELETE_BATCH = 5_000


def get_stall_timeout() -> int:
    """Return after how many seconds without a heartbeat a worker's jobs are retried."""
    return int(settings.JOBS_HEARTBEAT) * MISSED_HEARTBEATS


@periodic_task(every=datetime.timedelta(seconds=settings.JOBS_HEARTBEAT))
@transaction.atomic
def retry_stalled_jobs() -> list[int]:
    """Requeue the jobs whose worker is dead; return their ids."""
    rescued = []
    with connection.cursor() as cursor:
        cursor.execute(_SELECT_STALLED, [get_stall_timeout()])
        for job_id, name, attempts in cursor.fetchall():
            if attempts + 1 >= MAX_RUNS:
                logger.error("Job %s (%s) was left by %s workers and is given up", job_id, name, MAX_RUNS)
                cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [job_id])
            else:
                logger.warning("Job %s (%s) was left by its worker and is queued again", job_id, name)
                cursor.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", [job_id])
                rescued.append(job_id)
    return rescued


@periodic_task(every=datetime.timedelta(hours=1))
def prune_finished_jobs() -> int:
    """Delete jobs finished over 7 days ago, failed ones after 30; return how many."""
    deleted = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_DELETE_OLD, [_DELETE_BATCH])
            deleted += int(cursor.rowcount)
            if cursor.rowcount < _DELETE_BATCH:
                return deleted
