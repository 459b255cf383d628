"""Operations on reminders: set a policy, cancel, send what is due, stop and resume."""

import datetime
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import TypedDict

from django.db import models, transaction
from django.db.models import Q

from accounts.models import User
from core import formatting
from core.calendar import PARIS, date_in_paris
from core.connections import connection
from core.exceptions import DomainError, Refusal
from jobs import due
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.checks import lock_allocations, lock_pool
from licensing.pools.emails import build_message
from licensing.pools.events import build_event
from licensing.pools.journal import record_allocations, record_pool
from licensing.pools.models import Allocation, MessageKind
from licensing.reminders import planning
from licensing.reminders.models import (
    MAX_DAYS,
    MAX_STEPS,
    OCTOBER_KIND,
    UNUSED_KIND,
    Reminder,
    ReminderCause,
    ReminderPolicy,
    ReminderStop,
)
from licensing.reminders.queries import SeatCounts, count_seats, describe_policy, get_policy
from mailing import operations as mailing
from schools import calendar
from schools.wording import format_school_name
from webhooks import operations as webhooks


class UnknownReminder(DomainError):
    code = "unknown_reminder"


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
    summary = f"{format_school_name(allocation.school.name)} {words}."
    record_allocations(action, [(allocation, summary)], by=None, at=at)


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
    given = [(reminder, allocations[reminder.allocation_id]) for reminder in leaving]
    emails = [
        build_message(allocation, _KIND_OF[ReminderCause(one.cause)], {"automatic": True}) for one, allocation in given
    ]
    mailing.enqueue_many(emails, at=at)
    Reminder.objects.filter(pk__in_array=[one.pk for one in leaving]).update(sent_at=at)
    summaries = [(allocation, _summarise(one, allocation)) for one, allocation in given]
    record_allocations("reminders.sent", summaries, by=None, at=at)
    webhooks.emit(
        events=(
            build_event(ReminderEvent.SENT, allocation, cause=one.cause, days=one.step) for one, allocation in given
        ),
        at=at,
    )
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


def _summarise(reminder: Reminder, allocation: Allocation) -> str:
    cause = ReminderCause(reminder.cause).label.lower()
    if reminder.cause != ReminderCause.OCTOBER:
        cause = f"{cause} après {formatting.pluralize(reminder.step, 'jour')}"
    school = format_school_name(allocation.school.name)
    return f"{school} : relance automatique envoyée à {allocation.recipient} ({cause})."


def _schedule_next(at: datetime.datetime) -> None:
    """Schedule the next day's run where a pool with allocations is not over yet."""
    open_pools = find_entitlements(Q(last_day__gte=date_in_paris(at), cancelled_at=None))
    if Allocation.objects.filter(pool__entitlement__in=open_pools).exists():
        first_day = planning.get_first_day(at)
        due.schedule(planning.SEND_REMINDERS, connection.schema_name, planning.get_sending_moment(first_day))


class PolicyValues(TypedDict, total=False):
    """The fields of a policy to set; those that are left out stay as they are."""

    is_enabled: bool
    unredeemed_days: list[int]
    unused_days: int | None
    writes_in_october: bool


@transaction.atomic
def set_policy(*, pool_id: int, values: PolicyValues, by: User | None, at: datetime.datetime) -> ReminderPolicy:
    """Change the policy of a pool, plan anew, and return the policy. Idempotent.

    Raises `Refusal`.
    """
    pool = lock_pool(pool_id)
    planning.hold_plan_lock()
    policy = get_policy(pool.pk)
    before = describe_policy(policy)
    for name, value in values.items():
        setattr(policy, name, value)
    policy.unredeemed_days = _check_days(policy.unredeemed_days)
    if policy.unused_days is not None:
        _check_day(policy.unused_days)
    after = describe_policy(policy)
    if after == before:
        return policy
    policy.save()
    planning.plan(at=at)
    record_pool("reminders.policy_changed", pool, f"Relances du lot « {pool.name} » : {after}", by=by, at=at)
    return policy


def _check_days(days: list[int]) -> list[int]:
    if len(set(days)) > MAX_STEPS:
        raise Refusal(
            "invalid_reminder_days",
            f"Indiquez {MAX_STEPS} délais au plus : au-delà, une école ne lit plus ce qu'elle reçoit.",
        )
    return sorted({_check_day(day) for day in days})


def _check_day(day: int) -> int:
    if not 1 <= day <= MAX_DAYS:
        raise Refusal("invalid_reminder_days", f"Un délai compte de 1 à {MAX_DAYS} jours : rien n'a été changé.")
    return day


@transaction.atomic
def cancel(*, reminder_id: int, by: User | None, at: datetime.datetime) -> Reminder:
    """Cancel a planned reminder and return it. Idempotent.

    Raises `UnknownReminder`, also where it is no longer due, and `Refusal`.
    """
    planning.hold_plan_lock()
    reminder = Reminder.objects.locked().select_related("school", "allocation__pool").filter(pk=reminder_id).first()
    if reminder is None:
        raise UnknownReminder("Cette relance n'est plus prévue : il n'y a rien à annuler.")
    if reminder.sent_at is not None:
        raise Refusal(
            "reminder_already_sent",
            f"Cette relance est partie le {formatting.long_date(reminder.planned_for)} : elle ne s'annule plus.",
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
    summaries = []
    for reminder in reminders:
        reminder.cancelled_at = at
        day, cause = formatting.long_date(reminder.planned_for), ReminderCause(reminder.cause).label.lower()
        school = format_school_name(reminder.school.name)
        summaries.append((reminder.allocation, f"{school} : relance du {day} annulée ({cause})."))
    record_allocations("reminders.cancelled", summaries, by=by, at=at)
