"""Tasks and periodic tasks of the outbox."""

from __future__ import annotations

import datetime

from django.conf import settings

from jobs.lanes import declare_lane
from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from mailing import drain as draining
from mailing import sweep as sweeping
from mailing.operations import BULK_QUEUE, MESSAGES_PER_JOB, SINGLE_QUEUE

# A single letter waits for no thread that sends another office's thousands.
declare_lane(SINGLE_QUEUE, threads=1)
declare_lane(BULK_QUEUE, threads=settings.MAIL_THREADS)


# Retries are for database errors; a mail server's errors never fail the job.
@task(name="mailing.drain", queue=BULK_QUEUE)
def drain(*, limit: int = MESSAGES_PER_JOB) -> int:
    """Send at most `limit` due messages of the current schema's outbox."""
    return draining.drain(limit=limit)


@periodic_task(every=datetime.timedelta(minutes=1))
def sweep() -> None:
    """Queue a drain for every outbox with overdue messages."""
    sweeping.sweep()
