"""A school stops its reminders by the link of a letter, or takes that back. In the schema that the link names."""

from __future__ import annotations

import datetime

from django.db import transaction

from collectivities import audit_log
from licensing.pools.models import Allocation
from licensing.reminders import planning
from licensing.reminders.models import Reminder, ReminderStop
from schools.wording import format_school_name


@transaction.atomic
def stop(*, allocation_id: int, whole_school: bool, at: datetime.datetime) -> None:
    """Stop the reminders about a key, or about all that this collectivity gave its school. Idempotent.

    A reminder that is being sent goes before, or does not go: both lock the allocation.
    """
    planning.hold_plan_lock()
    allocation = Allocation.objects.locked().select_related("school").get(pk=allocation_id)
    _, is_new = ReminderStop.objects.get_or_create(
        school_id=allocation.school_id, allocation=None if whole_school else allocation, defaults={"at": at}
    )
    if not is_new:
        return
    planned = Reminder.objects.planned().filter(school_id=allocation.school_id)
    if not whole_school:
        planned = planned.filter(allocation=allocation)
    planned.delete()
    planning.plan(at=at)
    _record_stop(
        allocation,
        "reminders.stopped",
        "ne veut plus de relance de votre collectivité" if whole_school else "ne veut plus de relance pour cette clé",
        at=at,
    )


@transaction.atomic
def resume(*, allocation_id: int, at: datetime.datetime) -> None:
    """Take back what stops the reminders about a key, its own stop and its school's. Idempotent."""
    planning.hold_plan_lock()
    allocation = Allocation.objects.locked().select_related("school").get(pk=allocation_id)
    stops = ReminderStop.objects.filter(school_id=allocation.school_id)
    deleted, _ = (stops.filter(allocation=None) | stops.filter(allocation=allocation)).delete()
    if not deleted:
        return
    planning.plan(at=at)
    _record_stop(allocation, "reminders.resumed", "veut de nouveau être relancée", at=at)


def _record_stop(allocation: Allocation, action: str, words: str, *, at: datetime.datetime) -> None:
    audit_log.record(
        action=action,
        by=None,
        at=at,
        summary=f"{format_school_name(allocation.school.name)} {words}.",
        school_id=allocation.school_id,
        object_type="allocation",
        object_id=allocation.pk,
    )
