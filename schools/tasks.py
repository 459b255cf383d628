"""Background tasks of the directory, and how long its rows are kept."""

import datetime

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from jobs.periodic_tasks import periodic_task
from jobs.retention import declare_retention
from jobs.tasks import defer_once, task
from mailing.models import MESSAGES_KEPT
from schools.directory import updates
from schools.directory.models import DirectoryChange
from schools.models import PrincipalRequest, WrittenWeek

_UPDATE = "schools.update_directory"


@periodic_task(every=datetime.timedelta(hours=1))
def queue_directory_update() -> None:
    """Queue the day's update of the directory, once, where its URL is set."""
    if settings.DIRECTORY_URL and updates.is_update_due(settings.DIRECTORY_URL, at=timezone.now()):
        defer_once(_UPDATE, schema=get_public_schema_name(), queueing_lock=_UPDATE, lock=_UPDATE)


@task(name=_UPDATE)
def update_directory() -> None:
    """Update the directory by its URL, unless that was tried meanwhile."""
    now = timezone.now()
    if settings.DIRECTORY_URL and updates.is_update_due(settings.DIRECTORY_URL, at=now):
        updates.update_from_url(url=settings.DIRECTORY_URL, full=True, by=None, at=now)


@task(name=updates.APPLY_HELD)
def apply_held_directory(*, sync_id: int) -> None:
    """Apply the file to which the operator agreed."""
    updates.apply_held_file(sync_id=sync_id, at=timezone.now())


# Longer than the reminders of the offices, each of which took its week.
declare_retention(WrittenWeek, kept_for=MESSAGES_KEPT + datetime.timedelta(days=31), since="written_at")
# The link is valid for a week; `PrincipalEvent` says who was verified, and how.
declare_retention(PrincipalRequest, kept_for=datetime.timedelta(days=365), since="expires_at")
# Which schools a run changed; its counts stay.
declare_retention(DirectoryChange, kept_for=datetime.timedelta(days=365), since="sync__at")
