"""Cancel planned reminders: what is cancelled is not planned again; what follows is."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from core import formatting
from licensing.reminders import planning
from licensing.reminders.exceptions import ReminderAlreadySent, UnknownReminder
from licensing.reminders.models import Reminder, ReminderCause
from schools.wording import format_school_name


@transaction.atomic
def cancel(*, reminder_id: int, by: User | None, at: datetime.datetime) -> Reminder:
    """Cancel a planned reminder and return it. Idempotent.

    Raises `UnknownReminder`, also where it is no longer due, and `ReminderAlreadySent`.
    """
    planning.hold_plan_lock()
    reminder = Reminder.objects.locked().select_related("school", "allocation__pool").filter(pk=reminder_id).first()
    if reminder is None:
        raise UnknownReminder("Cette relance n'est plus prévue : il n'y a rien à annuler.")
    if reminder.sent_at is not None:
        raise ReminderAlreadySent(
            f"Cette relance est partie le {formatting.long_date(reminder.planned_for)} : elle ne s'annule plus."
        )
    if reminder.cancelled_at is None:
        _cancel([reminder], by=by, at=at)
        planning.plan(at=at)
    return reminder


@transaction.atomic
def cancel_all(*, pool_id: int, by: User | None, at: datetime.datetime) -> int:
    """Cancel every planned reminder of a pool; return how many."""
    planning.hold_plan_lock()
    reminders = Reminder.objects.planned().filter(allocation__pool=pool_id)
    planned = list(reminders.locked().select_related("school", "allocation__pool"))
    if planned:
        _cancel(planned, by=by, at=at)
        planning.plan(at=at)
    return len(planned)


def _cancel(reminders: Sequence[Reminder], *, by: User | None, at: datetime.datetime) -> None:
    Reminder.objects.filter(pk__in=[reminder.pk for reminder in reminders]).update(cancelled_at=at)
    for reminder in reminders:
        reminder.cancelled_at = at
    audit_log.record_many(
        [
            audit_log.NewAuditEntry(
                action="reminders.cancelled",
                summary=f"{format_school_name(reminder.school.name)} : relance du "
                f"{formatting.long_date(reminder.planned_for)} annulée "
                f"({ReminderCause(reminder.cause).label.lower()}).",
                school_id=reminder.school_id,
                object_type="allocation",
                object_id=reminder.allocation_id,
            )
            for reminder in reminders
        ],
        by=by,
        at=at,
    )
