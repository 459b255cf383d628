"""Locks and permission checks at the start of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.classes import licence_status
from licensing.classes.exceptions import ClassNotTaught, LicenceNotRunning, NotSeatHolder
from licensing.classes.models import Classroom
from licensing.classes.queries import NOT_TAUGHT_MESSAGE, taught_by
from licensing.entitlements.models import Seat

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.entitlements.models import Entitlement


def lock_seat(seat_id: int | None) -> Seat | None:
    """Lock the seat against a change of holder; return it with its entitlement, or None."""
    return Seat.objects.locked().select_related("subscription__key__entitlement").filter(pk__in=[seat_id]).first()


def lock_taught_class(classroom_id: int, by: User) -> Classroom:
    """Lock the seat and the class that the user teaches, and return the class. Raises `ClassNotTaught`."""
    seat = lock_seat(Classroom.objects.filter(pk=classroom_id).values_list("seat_id", flat=True).first())
    classroom = Classroom.objects.locked().filter(taught_by(by), pk=classroom_id).first()
    if seat is None or classroom is None:
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    classroom.seat = seat
    return classroom


def lock_held_class(classroom_id: int, by: User) -> Classroom:
    """Do as `lock_taught_class`, for the holder of the seat only. Raises `ClassNotTaught`, `NotSeatHolder`."""
    classroom = lock_taught_class(classroom_id, by)
    if classroom.seat.holder_id != by.pk:
        raise NotSeatHolder(
            "Seul l’enseignant qui détient la licence de cette classe choisit avec qui elle est partagée. "
            "Demandez-le-lui."
        )
    return classroom


def check_licence_running(entitlement: Entitlement, at: datetime.datetime) -> None:
    """Raise `LicenceNotRunning` where licences of this entitlement cannot be used now."""
    unavailable = licence_status.check_unusable(entitlement, at)
    if unavailable is not None:
        raise LicenceNotRunning(unavailable.sentence, unavailable.reason)
