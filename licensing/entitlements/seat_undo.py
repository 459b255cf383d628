"""Undoing an assignment within seconds: the seats are free again, and the teachers hear nothing of it."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction

from accounts.models import User
from licensing.entitlements import notifications, seat_holders
from licensing.entitlements.exceptions import UndoTooLate
from licensing.entitlements.models import Seat, SeatEvent, Subscription

#: How long the page offers it.
UNDO_OFFERED_FOR = datetime.timedelta(seconds=10)


@transaction.atomic
def undo_assignments(*, seat_ids: Collection[int], by: User, at: datetime.datetime) -> list[User]:
    """Take seats back from the teachers whom this principal assigned them to a moment ago; return these teachers.

    The e-mails that would have told them are cancelled: they leave once it is too late to undo. Seats undone already
    are skipped. Raises a `LicensingError`, having changed nothing: `UndoTooLate` after `notifications.UNDO_PERIOD`, or
    where somebody else acted since.
    """
    seats = list(Seat.objects.locked().filter(pk__in=seat_ids).select_related("holder").order_by("pk"))
    if not seats:
        raise _too_late_error()
    subscriptions: dict[int, Subscription] = {}
    undone, assigned_at = [], {}
    for seat in seats:
        if seat.subscription_id not in subscriptions:
            subscriptions[seat.subscription_id] = seat_holders.get_administered_subscription(seat.subscription_id, by)
        event = seat.events.order_by("-at", "-pk").first()
        if event is None or event.by_id != by.pk:
            raise _too_late_error()
        if event.kind == SeatEvent.Kind.UNDONE:
            continue
        if event.kind != SeatEvent.Kind.ASSIGNED or at > event.at + notifications.UNDO_PERIOD or seat.holder is None:
            raise _too_late_error()
        undone.append(seat)
        assigned_at[seat.pk] = event.at
    holders = [(seat, seat.holder) for seat in undone if seat.holder is not None]
    SeatEvent.objects.bulk_create(
        SeatEvent(seat=seat, kind=SeatEvent.Kind.UNDONE, teacher=teacher, by=by, at=at) for seat, teacher in holders
    )
    Seat.objects.filter(pk__in=[seat.pk for seat in undone]).update(holder=None, held_since=None, mode="")
    notifications.cancel_assignment_emails(undone, at)
    for moment in set(assigned_at.values()):
        seat_holders.tell_undone([teacher for seat, teacher in holders if assigned_at[seat.pk] == moment], moment)
    for pk in {seat.subscription_id for seat in undone}:
        notifications.notify_collectivity(subscriptions[pk].key, "released", at)
    return [teacher for _, teacher in holders]


def _too_late_error() -> UndoTooLate:
    return UndoTooLate(
        "Il est trop tard pour annuler : la licence reste donnée. « Retirer », à côté du nom, la reprend à tout moment."
    )
