"""Tasks of requests: what an office learns, the letters that tell of them, and their end with the school year."""

import datetime

from django.utils import timezone

from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_retention
from jobs.tasks import task
from licensing.requests.school_requests import emails, operations
from licensing.requests.school_requests.models import TeacherRequest

# Until it can no longer be asked about.
declare_retention(TeacherRequest, kept_for=datetime.timedelta(days=365), since="ended_at")


@task(name="requests.note_request")
def note_request(*, request_id: int, event: str, happened_at: str) -> None:
    """Record in the current office's journal that a school asked or withdrew, and emit it. Idempotent."""
    operations.note_request(
        request_id=request_id,
        event=event,
        at=datetime.datetime.fromisoformat(happened_at),
        emitted_at=timezone.now(),
    )


@task(name="requests.write_to_managers")
def write_to_managers() -> None:
    """Tell the current office's managers that requests wait."""
    emails.write_to_managers(timezone.now())


@task(name="requests.write_to_principals")
def write_to_principals(*, uai: str) -> None:
    """Tell a school's principals that teachers wait. In the public schema."""
    emails.write_to_principals(uai, timezone.now())


@periodic_task(every=datetime.timedelta(hours=1))
def end_requests() -> None:
    """End the requests whose school year is over."""
    operations.expire_requests(at=timezone.now())
