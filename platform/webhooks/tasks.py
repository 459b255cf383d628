"""What workers do for webhooks."""

from __future__ import annotations

import datetime
import threading

from django.conf import settings
from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.tasks import task
from jobs.upkeep import duty
from webhooks import drain as draining
from webhooks import sweep as sweeping
from webhooks.operations import DRAIN

#: Threads of this process that may talk to receivers at the same time: the others are for e-mails, imports, the rest.
_places = threading.BoundedSemaphore(max(1, settings.WEBHOOKS_THREADS))
_LATER = datetime.timedelta(seconds=1)


# Retried where the database itself failed; what a receiver does wrong never fails the job.
@task(name=DRAIN, queue="webhooks", retry=RetryStrategy(max_attempts=10, exponential_wait=3))
def drain(*, endpoint_id: int) -> int | None:
    """Tell the endpoint what is due; a little later where enough of this process's threads do as much for others."""
    if not _places.acquire(blocking=False):
        draining.queue(endpoint_id=endpoint_id, at=(timezone.now() + _LATER).replace(microsecond=0))
        return None
    try:
        return draining.drain(endpoint_id=endpoint_id)
    finally:
        _places.release()


@duty(every=datetime.timedelta(minutes=1))
def sweep() -> None:
    """See to it that every endpoint with something overdue has a job ahead of it."""
    sweeping.sweep()


@duty(every=datetime.timedelta(hours=1))
def forget() -> None:
    """Forget what is older than thirty days."""
    sweeping.forget()
