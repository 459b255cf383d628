"""Queue the e-mails of the reminders that are due: in batches, each re-checked under the locks of its keys."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from itertools import batched

from django.db import models, transaction
from django.db.models import Q

from collectivities import audit_log
from core import formatting
from core.calendar import PARIS, date_in_paris
from core.connections import connection
from jobs import due
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.emails import school_label
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from licensing.pools.operations.results import lock_allocations
from licensing.reminders import planning
from licensing.reminders.models import OCTOBER_KIND, UNUSED_KIND, Reminder, ReminderCause
from licensing.reminders.queries import SeatCounts, count_seats
from mailing import operations as mailing
from schools import calendar
from schools.wording import format_school_name
from webhooks import operations as webhooks


class ReminderEvent(models.TextChoices):
    SENT = "reminder.sent", "Relance envoyée"


#: Reminders that one transaction queues: its locks are held for some tenths of a second.
BATCH_SIZE = 1_000
#: Hour in Paris from which no reminder is queued any more: the next one is a later day's.
_LAST_HOUR = 18
_KIND_OF = {
    ReminderCause.UNREDEEMED: MessageKind.REMINDER.value,
    ReminderCause.UNUSED: UNUSED_KIND,
    ReminderCause.OCTOBER: OCTOBER_KIND,
}


def plan_and_schedule(*, at: datetime.datetime) -> None:
    """Plan, and have what is planned sent from the next sending hour on."""
    planning.plan(at=at)
    _schedule_next(at)


def run(*, at: datetime.datetime) -> int:
    """Plan, queue the reminders that are due today, and schedule the next day's run; return how many were queued.

    Idempotent: what was queued is not planned again.
    """
    # First: the next day comes, whatever becomes of this one.
    _schedule_next(at)
    if at.astimezone(PARIS).hour >= _LAST_HOUR:
        planning.plan(at=at)
        return 0
    planning.plan(at=at, first_day=date_in_paris(at))
    if not Reminder.objects.planned().filter(planned_for=date_in_paris(at)).exists():
        # Most days: what is planned for later stays as it is.
        return 0
    sent = send_due(at=at)
    # What follows those that left is shown at once.
    planning.plan(at=at)
    return sent


def send_due(*, at: datetime.datetime) -> int:
    """Queue the reminders planned for today, a transaction for each `BATCH_SIZE`; return how many were queued."""
    due_today = Reminder.objects.planned().filter(planned_for=date_in_paris(at)).order_by("allocation_id", "pk")
    found = list(due_today.values_list("pk", "allocation_id"))
    return sum(_send_batch(batch, at=at) for batch in batched(found, BATCH_SIZE))


@transaction.atomic
def _send_batch(batch: Sequence[tuple[int, int]], *, at: datetime.datetime) -> int:
    # Lock order: allocation → key → reminder → week of a school.
    allocations, _ = lock_allocations([allocation_id for _, allocation_id in batch])
    reminders = list(Reminder.objects.locked().planned().filter(pk__in=[pk for pk, _ in batch]))
    redeemed = [allocations[one.allocation_id].key_id for one in reminders if one.cause != ReminderCause.UNREDEEMED]
    seats = count_seats(redeemed) if redeemed else {}
    still_due = [one for one in reminders if _is_still_due(one, allocations[one.allocation_id], seats, at)]
    claimed = calendar.claim_weeks([one.school_id for one in still_due], at=at)
    leaving = []
    for reminder in still_due:
        if reminder.school_id in claimed:
            claimed.discard(reminder.school_id)
            leaving.append(reminder)
    if not leaving:
        return 0
    _queue(leaving, allocations, at=at)
    Reminder.objects.filter(pk__in_array=[one.pk for one in leaving]).update(sent_at=at)
    _record(leaving, allocations, at=at)
    webhooks.emit(events=_build_events(leaving, allocations), at=at)
    return len(leaving)


def _is_still_due(
    reminder: Reminder, allocation: Allocation, seats: Mapping[int, SeatCounts], at: datetime.datetime
) -> bool:
    """Whether what the reminder is about still is as when it was planned. The caller holds the locks."""
    if allocation.revoked_at is not None or not allocation.pool.entitlement.available_on(date_in_paris(at)):
        return False
    if reminder.cause == ReminderCause.UNREDEEMED:
        return allocation.key.redeemed_at is None
    counts = seats.get(allocation.key_id)
    if counts is None or not counts.free:
        return False
    return reminder.cause == ReminderCause.OCTOBER or counts.free == counts.size


def _queue(reminders: Sequence[Reminder], allocations: Mapping[int, Allocation], *, at: datetime.datetime) -> None:
    mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=_KIND_OF[ReminderCause(one.cause)],
                recipient=allocations[one.allocation_id].recipient,
                topic=ALLOCATION_TOPIC,
                topic_id=one.allocation_id,
                about=school_label(allocations[one.allocation_id]),
                context={"automatic": True},
            )
            for one in reminders
        ],
        at=at,
    )


def _record(reminders: Sequence[Reminder], allocations: Mapping[int, Allocation], *, at: datetime.datetime) -> None:
    audit_log.record_many(
        [
            audit_log.NewAuditEntry(
                action="reminders.sent",
                summary=f"{format_school_name(allocations[one.allocation_id].school.name)} : relance automatique "
                f"envoyée à {allocations[one.allocation_id].recipient} ({_describe(one)}).",
                school_id=one.school_id,
                object_type="allocation",
                object_id=one.allocation_id,
            )
            for one in reminders
        ],
        by=None,
        at=at,
    )


def _describe(reminder: Reminder) -> str:
    label = ReminderCause(reminder.cause).label.lower()
    if reminder.cause == ReminderCause.OCTOBER:
        return label
    return f"{label} après {formatting.pluralize(reminder.step, 'jour')}"


def _build_events(reminders: Sequence[Reminder], allocations: Mapping[int, Allocation]) -> Iterator[webhooks.NewEvent]:
    for one in reminders:
        data = {
            "allocation": one.allocation_id,
            "pool": allocations[one.allocation_id].pool_id,
            "uai": one.school_id,
            "cause": one.cause,
            "days": one.step,
        }
        yield webhooks.NewEvent(ReminderEvent.SENT, f"{ALLOCATION_TOPIC}:{one.allocation_id}", data)


def _schedule_next(at: datetime.datetime) -> None:
    """Schedule the next day's run where a pool with allocations is not over yet."""
    open_pools = find_entitlements(Q(last_day__gte=date_in_paris(at), cancelled_at=None))
    if Allocation.objects.filter(pool__entitlement__in=open_pools).exists():
        first_day = planning.get_first_day(at)
        due.schedule(planning.SEND_REMINDERS, connection.schema_name, planning.get_sending_moment(first_day))
