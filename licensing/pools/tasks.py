"""What the portal tells a collectivity: its key was redeemed, or is missed; a teacher holds a licence, gave one back.

Queued in the transaction that causes it, with the collectivity's schema; counts go in the journal, never a name.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone

from collectivities import audit
from jobs.tasks import task
from licensing.pools import events, operations
from licensing.pools.models import Allocation
from schools.wording import school_name
from web import typography
from webhooks import operations as webhooks

_SAID = {
    "redeemed": "{school} : clé activée, {count}.",
    "held": "{school} : une licence de plus est utilisée, {count}.",
    "released": "{school} : une licence a été libérée, {count}.",
}


@task(name="pools.note_key_event")
@transaction.atomic
def note_key_event(*, key_id: int, event: str, at: str, held: int, size: int) -> None:
    """Write in the journal what happened to the key of an allocation, and tell it to programs.

    `held` of its `size` seats were then taken. What happened to one key is told in order: its jobs share a lock.
    """
    allocation = Allocation.objects.locked().select_related("school").filter(key_id=key_id).first()
    if allocation is None:
        return  # not a key of this collectivity's pools: nothing it may know
    count = f"{typography.number(held)}/{typography.number(size)} attribuée{'s' if held > 1 else ''}"
    happened_at = datetime.datetime.fromisoformat(at)
    audit.record(
        action=f"keys.{event}",
        by=None,
        at=happened_at,
        summary=_SAID[event].format(school=school_name(allocation.school.name), count=count),
        school_id=allocation.school_id,
        object_type="allocation",
        object_id=allocation.pk,
    )
    told = events.of_key(allocation, event, held=held, size=size)
    webhooks.emit(events=told, at=happened_at, told_at=timezone.now())


@task(name="pools.look_for_lost_keys")
def look_for_lost_keys(*, uai: str) -> None:
    """Find, in the public schema, which collectivities have a key waiting for a school that misses it."""
    operations.look_for(uai=uai, at=timezone.now())


@task(name="pools.send_lost_keys")
def send_lost_keys(*, uai: str) -> None:
    """Write the keys that wait for the school once more, in the schema of a collectivity that gave them."""
    operations.send_lost(uai=uai, at=timezone.now())
