"""Tasks of the office: what happened to its members' accounts, and the sealing of its journal."""

from __future__ import annotations

import datetime

from django.utils import timezone
from procrastinate import RetryStrategy

from collectivities.models import SEALED_AUDIT_LOG
from collectivities.operations import account_events
from jobs.periodic_tasks import periodic_task
from jobs.tasks import defer_once, task

#: Behind all other work.
_SEALING_PRIORITY = -10
#: For database errors: each task can be run again.
_RETRY = RetryStrategy(max_attempts=10, exponential_wait=3)


@task(name="collectivities.note_account_event", retry=_RETRY)
def note_account_event(*, event_id: int) -> None:
    """Write an event of a member's account in the current collectivity's journal."""
    account_events.note_event(event_id)


@task(name="collectivities.notify_offices", retry=_RETRY)
def notify_offices(*, event_id: int) -> None:
    """Tell an event of an account to each office whose member it is. In the public schema."""
    account_events.notify_offices(event_id)


@task(name="collectivities.seal_journal", retry=_RETRY)
def seal_journal() -> None:
    """Seal the new entries of the current collectivity's journal."""
    SEALED_AUDIT_LOG.seal_new_entries(at=timezone.now())


@periodic_task(every=datetime.timedelta(minutes=10))
def queue_sealing() -> None:
    """Queue the sealing of each journal that has new entries."""
    for schema in SEALED_AUDIT_LOG.list_schemas_to_seal(at=timezone.now()):
        defer_once(
            "collectivities.seal_journal",
            schema=schema,
            queueing_lock=f"seal_journal:{schema}",
            priority=_SEALING_PRIORITY,
        )
