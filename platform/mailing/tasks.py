"""Tasks and periodic tasks of the outbox."""

from __future__ import annotations

import datetime

from procrastinate import RetryStrategy

from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from mailing import drain as draining
from mailing import sweep as sweeping


# Retries are for database errors; a mail server's errors never fail the job.
@task(name="mailing.drain", queue="mail", retry=RetryStrategy(max_attempts=10, exponential_wait=3))
def drain() -> int:
    """Send the due messages of the current schema's outbox."""
    return draining.drain()


@periodic_task(every=datetime.timedelta(minutes=1))
def sweep() -> None:
    """Queue a drain for every outbox with overdue messages."""
    sweeping.sweep()
