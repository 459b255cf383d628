"""Background tasks of the directory."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from jobs.periodic_tasks import periodic_task
from jobs.tasks import defer_once, task
from schools.directory import records, updates

_UPDATE = "schools.update_directory"
#: For how long the schools that a run changed are listed.
RETENTION = datetime.timedelta(days=365)


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


@periodic_task(every=datetime.timedelta(hours=6))
def delete_old_changes() -> None:
    """Delete the lists of schools that runs of more than a year ago changed."""
    records.prune(before=timezone.now() - RETENTION)
