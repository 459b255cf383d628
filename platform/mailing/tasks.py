"""What workers do for the outboxes."""

from __future__ import annotations

import datetime

from procrastinate import RetryStrategy

from jobs.tasks import task
from jobs.upkeep import duty
from mailing import drain as draining
from mailing import sweep as sweeping


# Retried where the database itself failed; what a mail server does wrong never fails the job.
@task(name="mailing.drain", queue="mail", retry=RetryStrategy(max_attempts=10, exponential_wait=3))
def drain() -> int:
    """Send what is due in this schema's outbox."""
    return draining.drain()


@duty(every=datetime.timedelta(minutes=1))
def sweep() -> None:
    """See to it that every outbox with something overdue has a job ahead of it."""
    sweeping.sweep()
