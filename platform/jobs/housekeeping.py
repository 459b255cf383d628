"""Jobs whose worker died are run again; finished jobs are forgotten after a while. By themselves, on every worker.

Each statement picks its rows with SKIP LOCKED and looks at their state under the lock, so that two workers at the same
moment never treat a job twice.
"""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db import connection, transaction

from jobs.upkeep import duty

logger = logging.getLogger(__name__)

#: A worker that has missed this many heartbeats is dead, or as good as.
MISSED_HEARTBEATS = 3
#: A job that killed this many workers (memory, most likely) is not given another.
RUNS = 5

_STALLED = """
    SELECT job.id, job.task_name, job.attempts FROM procrastinate_jobs job
    WHERE job.status = 'doing'
      AND NOT EXISTS (
          SELECT FROM procrastinate_workers worker
          WHERE worker.id = job.worker_id AND worker.last_heartbeat >= now() - make_interval(secs => %s)
      )
    ORDER BY job.id
    FOR NO KEY UPDATE OF job SKIP LOCKED
"""
_FINISHED_LONG_AGO = """
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
#: One statement holds its locks for no longer than this many rows take.
_PRUNED_AT_ONCE = 5_000


def stalled_after() -> int:
    """Return the seconds without a heartbeat after which a worker's jobs are given to others."""
    return int(settings.JOBS_HEARTBEAT) * MISSED_HEARTBEATS


@duty(every=datetime.timedelta(seconds=settings.JOBS_HEARTBEAT))
@transaction.atomic
def rescue() -> list[int]:
    """Queue again the jobs whose worker gives no sign of life; return their numbers."""
    rescued = []
    with connection.cursor() as cursor:
        cursor.execute(_STALLED, [stalled_after()])
        for number, name, attempts in cursor.fetchall():
            if attempts + 1 >= RUNS:
                logger.error("Job %s (%s) was left by %s workers and is given up", number, name, RUNS)
                cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [number])
            else:
                logger.warning("Job %s (%s) was left by its worker and is queued again", number, name)
                cursor.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", [number])
                rescued.append(number)
    return rescued


@duty(every=datetime.timedelta(hours=1))
def prune() -> int:
    """Delete jobs that ended over seven days ago, failed ones after thirty; return how many."""
    deleted = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_FINISHED_LONG_AGO, [_PRUNED_AT_ONCE])
            deleted += int(cursor.rowcount)
            if cursor.rowcount < _PRUNED_AT_ONCE:
                return deleted
