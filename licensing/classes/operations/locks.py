"""Locks and permission checks at the start of operations."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from accounts.models import User
from licensing.classes import licence_status
from licensing.classes.exceptions import ClassNotTaught, ClassOnAnotherSeat, LicenceNotRunning, NotSeatHolder
from licensing.classes.models import Classroom
from licensing.classes.queries import NOT_TAUGHT_MESSAGE, is_taught_by
from licensing.entitlements.models import Entitlement, Seat


def lock_seat(seat_id: int | None) -> Seat | None:
    """Lock the seat against a change of holder; return it with its entitlement, or None."""
    return next(iter(lock_seats([] if seat_id is None else [seat_id])), None)


def lock_taught_class(classroom_id: int, by: User) -> Classroom:
    """Lock the seat and the class that the user teaches, and return the class.

    Raises `ClassNotTaught`, `ClassOnAnotherSeat`.
    """
    (classroom,) = lock_classes([classroom_id])
    if not is_taught_by(classroom, by):
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    return classroom


def lock_classes(classroom_ids: Collection[int], *, seat_ids: Collection[int] = ()) -> list[Classroom]:
    """Lock the seats of the classes and these seats, then the classes; return the classes in the requested order.

    Each with its seat and entitlement, of which all that is known was read under the lock. Raises `ClassNotTaught`
    where one does not exist, `ClassOnAnotherSeat` where one was carried on while its seat was waited for.
    """
    own = Classroom.objects.filter(pk__in=classroom_ids).values_list("seat_id", flat=True)
    seats = {seat.pk: seat for seat in lock_seats({*own, *seat_ids})}
    classes = {classroom.pk: classroom for classroom in Classroom.objects.locked().filter(pk__in=classroom_ids)}
    if len(classes) < len(set(classroom_ids)):
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    for classroom in classes.values():
        if classroom.seat_id not in seats:
            raise ClassOnAnotherSeat(
                "Cette classe vient d’être emmenée dans l’année nouvelle : rouvrez sa page, puis recommencez."
            )
        classroom.seat = seats[classroom.seat_id]
    return [classes[pk] for pk in classroom_ids]


def lock_seats(seat_ids: Collection[int]) -> list[Seat]:
    """Lock the seats, in primary key order, against a change of holder; return them with their entitlements."""
    return list(Seat.objects.locked().select_related("subscription__key__entitlement").filter(pk__in=sorted(seat_ids)))


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
