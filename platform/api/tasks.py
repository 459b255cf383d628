"""Tasks of the API in an office's schema, when `jobs.due` says that it is time."""

from django.utils import timezone

from api import idempotency
from api.models import IdempotencyRecord
from jobs.due import declare_due_work
from jobs.retention import declare_pruned_elsewhere
from jobs.tasks import task

declare_due_work(idempotency.PRUNE_RECORDS)
declare_pruned_elsewhere(IdempotencyRecord, kept_for=idempotency.RETENTION, since="answered_at")


@task(name=idempotency.PRUNE_RECORDS)
def prune_records() -> None:
    """Delete the office's stored responses that are kept no longer."""
    idempotency.prune_records(at=timezone.now())
