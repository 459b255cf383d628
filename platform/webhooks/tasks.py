"""Tasks and periodic tasks of webhooks."""

from __future__ import annotations

import datetime
import threading

from django.conf import settings
from django.utils import timezone
from procrastinate import RetryStrategy

from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from webhooks import drain as draining
from webhooks import sweep as sweeping
from webhooks.operations import DRAIN

#: Limits the threads of this worker that send webhooks; the others stay free for e-mails and imports.
_drain_slots = threading.BoundedSemaphore(max(1, settings.WEBHOOKS_THREADS))
_RETRY_DELAY = datetime.timedelta(seconds=1)


# Retries are for database errors; a receiver's errors never fail the job.
@task(name=DRAIN, queue="webhooks", retry=RetryStrategy(max_attempts=10, exponential_wait=3))
def drain(*, endpoint_id: int) -> int | None:
    """Drain the endpoint, or requeue the job a second later if all slots of this worker are taken."""
    if not _drain_slots.acquire(blocking=False):
        draining.schedule(endpoint_id=endpoint_id, at=(timezone.now() + _RETRY_DELAY).replace(microsecond=0))
        return None
    try:
        return draining.drain(endpoint_id=endpoint_id)
    finally:
        _drain_slots.release()


@periodic_task(every=datetime.timedelta(minutes=1))
def sweep() -> None:
    """Queue a drain for every endpoint with overdue deliveries."""
    sweeping.sweep()


@periodic_task(every=datetime.timedelta(hours=1))
def prune() -> None:
    """Delete events older than 30 days."""
    sweeping.prune_events()
