"""Tasks of the API in an office's schema, when `jobs.due` says that it is time."""

from __future__ import annotations

from django.utils import timezone

from api import idempotency
from jobs.due import declare_due_work
from jobs.tasks import task

declare_due_work(idempotency.PRUNE_RECORDS)


@task(name=idempotency.PRUNE_RECORDS)
def prune_records() -> None:
    """Delete the office's stored responses that are kept no longer."""
    idempotency.prune_records(at=timezone.now())
