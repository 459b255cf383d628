"""Tasks that run in a collectivity's schema: key events and states, resending lost keys, releasing held e-mails.

The audit log gets counts, never a name.
"""

import datetime

from django.db import transaction
from django.utils import timezone

from collectivities import audit_log
from collectivities.models import AuditEntry
from core import formatting
from jobs.due import declare_due_work
from jobs.tasks import task
from licensing.pools import events, key_emails, key_states
from licensing.pools.journal import record_allocations
from licensing.pools.models import Allocation
from schools.wording import format_school_name
from webhooks import operations as webhooks

declare_due_work(key_emails.RELEASE_TASK)

_SUMMARIES = {
    "redeemed": "{school} : clé activée, {count}.",
    "held": "{school} : une licence de plus est utilisée, {count}.",
    "released": "{school} : une licence a été libérée, {count}.",
}


@task(name="pools.note_key_event")
@transaction.atomic
def note_key_event(*, key_id: int, event: str, at: str, held: int, size: int) -> None:
    """Record a key event in the audit log, emit it to webhooks, and copy what became of the key.

    `held` of `size` seats were held when it happened. The jobs of one key share a lock, and so run in order.
    Idempotent: an event that was recorded, by a run whose connection broke at its commit, is not recorded again.
    """
    allocation = Allocation.objects.locked().select_related("school").filter(key_id=key_id).first()
    if allocation is None:
        return  # not a key of this collectivity's pools
    key_states.copy_key_states([allocation.pk])
    count = f"{formatting.number(held)}/{formatting.number(size)} utilisée{'s' if held > 1 else ''}"
    happened_at = datetime.datetime.fromisoformat(at)
    action = f"keys.{event}"
    summary = _SUMMARIES[event].format(school=format_school_name(allocation.school.name), count=count)
    same = AuditEntry.objects.filter(action=action, object_type="allocation", object_id=allocation.pk)
    if same.filter(audit_log.written_as(at=happened_at, summary=summary)).exists():
        return
    record_allocations(action, [(allocation, summary)], by=None, at=happened_at)
    happenings = events.build_key_events(allocation, event, held=held, size=size)
    webhooks.emit(events=happenings, at=happened_at, emitted_at=timezone.now())


@task(name="pools.copy_key_states")
def copy_key_states(*, key_ids: list[int]) -> None:
    """Copy what became of these keys beside their allocations, where no event says more."""
    found = Allocation.objects.filter(key_id__in_array=key_ids).values_list("pk", flat=True)
    key_states.copy_key_states(list(found))


@task(name="pools.look_for_lost_keys")
def look_for_lost_keys(*, uai: str) -> None:
    """Queue the resending in each collectivity with unredeemed keys for the school. In the public schema."""
    key_emails.queue_lost_keys(uai=uai, at=timezone.now())


@task(name="pools.send_lost_keys")
def send_lost_keys(*, uai: str, asked_at: str) -> None:
    """Resend the school's unredeemed keys, in the schema of a collectivity that gave them."""
    key_emails.resend_lost_keys(uai=uai, at=datetime.datetime.fromisoformat(asked_at))


@task(name=key_emails.RELEASE_TASK)
def release_held_emails() -> None:
    """Release the held e-mails of the collectivity's pools that are not suspended."""
    key_emails.release_held_emails(at=timezone.now())
