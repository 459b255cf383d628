"""Carry a class on to its teacher's seat of the next school year."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from core.calendar import date_in_paris
from licensing.classes import carry_offers
from licensing.classes.exceptions import CannotCarryOn, ClassNotTaught, InvalidPupilCount, NoSuchPupil, NotSeatHolder
from licensing.classes.models import Classroom
from licensing.classes.operations.class_opening import clean_class_name, create_class
from licensing.classes.operations.locks import check_licence_running, lock_classes, lock_seats
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.classes.queries import NOT_TAUGHT_MESSAGE, is_taught_by
from licensing.entitlements.models import Seat
from licensing.entitlements.wording import format_long_date


class CarriedClass(NamedTuple):
    """A class on its new seat, and how many pupils came along and how many stayed."""

    classroom: Classroom
    pupils: int
    left: int


@transaction.atomic
def carry_on(
    *, classroom_id: int, seat_id: int, numbers: Collection[int], name: str, by: User, at: datetime.datetime
) -> CarriedClass:
    """Move a class to a seat of the next year that `by` holds, with the pupils of those numbers. Idempotent.

    Their logins and passwords stay. The others stay with the old licence, in a class of their own that is erased as
    today. Those who wait for a colleague come along. Raises `ClassNotTaught`, `NotSeatHolder`, `ClassOnAnotherSeat`,
    `CannotCarryOn`, `LicenceNotRunning`, `NoSuchPupil`, `InvalidPupilCount`, `InvalidClassName`.
    """
    (classroom,) = lock_classes([classroom_id], seat_ids=[seat_id])
    # Locked already.
    seat = next(iter(lock_seats([seat_id])), None)
    _check_holder(classroom, seat, by)
    if seat is None or seat.holder_id != by.pk:
        raise ClassNotTaught(
            "Cette licence n’est pas la vôtre, ou ne l’est plus. Revenez à « Mon compte » : vos licences y sont."
        )
    if classroom.seat_id == seat.pk:
        return CarriedClass(classroom, classroom.pupils.count(), 0)
    _check_may_go(classroom, seat, by, at)
    pupils = list(classroom.pupils.locked())
    coming = set(numbers)
    if unknown := coming - {pupil.number for pupil in pupils}:
        raise NoSuchPupil(
            f"Le compte élève n° {min(unknown)} n’existe pas, ou plus, dans cette classe : relisez la liste, puis "
            "recommencez."
        )
    left = [pupil for pupil in pupils if pupil.number not in coming and pupil.handover_id is None]
    if len(left) == len(pupils):
        raise InvalidPupilCount("Cochez au moins un élève à emmener, ou commencez une nouvelle classe.")
    old_seat, earlier = classroom.seat, (classroom.carried_at, classroom.warned_at)
    former_name = classroom.name
    classroom.seat, classroom.name = seat, clean_class_name(name)
    # Of the new licence: its end will be announced in its time.
    classroom.carried_at, classroom.warned_at = at, None
    classroom.save(update_fields=["seat", "name", "carried_at", "warned_at"])
    if left:
        stays = create_class(
            old_seat, former_name, opened_at=classroom.opened_at, carried_at=earlier[0], warned_at=earlier[1]
        )
        classroom.pupils.filter(pk__in=[pupil.pk for pupil in left]).update(classroom=stays)
    return CarriedClass(classroom, len(pupils) - len(left), len(left))


def _check_holder(classroom: Classroom, seat: Seat | None, by: User) -> None:
    if classroom.seat.holder_id == by.pk:
        return
    if seat is not None and is_taught_by(classroom, by):
        raise NotSeatHolder(
            "Seul l’enseignant qui détient la licence de cette classe l’emmène dans l’année nouvelle. Demandez-le-lui."
        )
    raise ClassNotTaught(NOT_TAUGHT_MESSAGE)


def _check_may_go(classroom: Classroom, seat: Seat, by: User, at: datetime.datetime) -> None:
    day = date_in_paris(at)
    if classroom.purged_at is not None or day >= get_erasure_date(classroom.seat.subscription.key.entitlement.last_day):
        raise CannotCarryOn(
            "Il est trop tard : les comptes des élèves de cette classe sont effacés. Ouvrez une nouvelle classe."
        )
    if obstacle := carry_offers.find_obstacle(classroom, seat, by):
        raise CannotCarryOn(obstacle)
    other = Classroom.objects.filter(seat=seat).first()
    if other is not None:
        raise CannotCarryOn(
            f"Cette licence a déjà sa classe, « {other.name} » : une licence n’ouvre qu’une classe. Pour y faire venir "
            "des élèves de l’an dernier, préparez un code sous « Confier des élèves », et saisissez-le sur la page de "
            "la nouvelle classe."
        )
    check_licence_running(seat.subscription.key.entitlement, at)
    first_day = carry_offers.get_first_day(classroom, seat, day)
    if first_day > day:
        raise CannotCarryOn(
            f"La licence de cette classe court encore : vous pourrez l’emmener à partir du "
            f"{format_long_date(first_day)}."
        )
