"""Tasks and periodic tasks of webhooks."""

from __future__ import annotations

import datetime

from django.conf import settings

from jobs.lanes import declare_lane
from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from webhooks import drain as draining
from webhooks import sweep as sweeping
from webhooks.operations import DRAIN

# An office takes one of these threads at most.
declare_lane("webhooks", threads=settings.WEBHOOKS_THREADS)


# Retries are for database errors; a receiver's errors never fail the job.
@task(name=DRAIN, queue="webhooks")
def drain() -> int | None:
    """Drain the endpoints of an office."""
    return draining.drain()


@periodic_task(every=datetime.timedelta(minutes=1))
def sweep() -> None:
    """Queue a drain for every office with overdue deliveries."""
    sweeping.sweep()


@periodic_task(every=datetime.timedelta(hours=1))
def prune() -> None:
    """Delete events older than 30 days."""
    sweeping.prune_events()
