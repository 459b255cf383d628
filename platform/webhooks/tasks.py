"""Tasks of webhooks."""

from django.conf import settings

from core.connections import DatabaseClock
from jobs.due import declare_due_work
from jobs.retention import declare_pruned_elsewhere
from jobs.tasks import declare_lane, task
from webhooks import operations
from webhooks.models import WebhookEvent
from webhooks.operations import DRAIN, PRUNE, RETENTION

# An office takes one of these threads at most.
declare_lane("webhooks", threads=settings.WEBHOOKS_THREADS)
# Its jobs are queued with the events, and by each other; this is for one that was lost.
declare_due_work(DRAIN)
declare_due_work(PRUNE)
declare_pruned_elsewhere(WebhookEvent, kept_for=RETENTION, since="at")


# Retries are for database errors; a receiver's errors never fail the job.
@task(name=DRAIN, queue="webhooks")
def drain() -> int | None:
    """Drain the endpoints of an office."""
    from webhooks import drain as draining  # noqa: PLC0415 - loads the HTTP client, which workers alone need

    return draining.drain()


@task(name=PRUNE)
def prune() -> None:
    """Delete the office's events older than 30 days."""
    operations.prune_events(at=DatabaseClock()())
