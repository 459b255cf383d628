"""Assignment of seats by a principal: to one or several teachers, or from one teacher to another.

Assigning to several is all or nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from core.formatting import pluralize
from licensing.entitlements import key_checks, notifications, seat_holders
from licensing.entitlements.exceptions import AlreadyHoldsSeat, NoSeatLeft, NoTeacherSelected, SeatHasChangedHands
from licensing.entitlements.models import Seat, SeatEvent, SeatMode, Subscription

#: More than any school has: a larger request is forged.
_MAX_TEACHERS = 500


class SeatAssignments(NamedTuple):
    """Result of assigning seats to several teachers."""

    seats: list[Seat]
    # The selected teachers who held a seat of this subscription already.
    already: list[User]


def assign(*, subscription_id: int, teacher: User, by: User, at: datetime.datetime) -> Seat:
    """Assign one seat to a teacher of the school and notify them by e-mail.

    Principals may assign one to themselves. Other teachers must be affiliated with the subscription's school, and the
    principal verified for it. Raises a `LicensingError`.
    """
    return assign_many(subscription_id=subscription_id, teacher_ids=[teacher.pk], by=by, at=at).seats[0]


@transaction.atomic
def assign_many(
    *, subscription_id: int, teacher_ids: Collection[int], by: User, at: datetime.datetime
) -> SeatAssignments:
    """Assign one seat to each of these teachers and notify them by e-mail, once it is too late to undo.

    Those who hold one already are skipped, and returned. Raises a `LicensingError`, having changed nothing:
    `NoSeatLeft` where too few seats are free, `AlreadyHoldsSeat` where all the teachers hold one.
    """
    selected = set(teacher_ids)
    if not selected:
        raise NoTeacherSelected("Cochez au moins une personne, puis donnez-lui une licence.")
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    key_checks.check_available(subscription.key.entitlement, by, at)
    teachers = _get_eligible(selected, subscription, by)
    # Serialises concurrent principals. Teachers who claim a seat do not wait: they skip locked seats.
    Subscription.objects.locked().get(pk=subscription.pk)
    result = _assign_free_seats(subscription, teachers, by, at)
    for seat in result.seats:
        seat.subscription = subscription
    notifications.notify_teachers_of_assignment(
        [seat for seat in result.seats if seat.holder_id != by.pk], at, due_at=at + notifications.UNDO_PERIOD
    )
    notifications.notify_collectivity(subscription.key, "held", at)
    return result


@transaction.atomic
def replace(*, seat_id: int, holder_id: int, successor_id: int, by: User, at: datetime.datetime) -> Seat:
    """Transfer a seat, with its class, from its holder to another teacher, and notify both.

    `holder_id`: the expected holder. Raises a `LicensingError`, having changed nothing.
    """
    subscription_id = Seat.objects.filter(pk=seat_id).values_list("subscription_id", flat=True).first()
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    key_checks.check_available(subscription.key.entitlement, by, at)
    [successor] = _get_eligible({successor_id}, subscription, by)
    Subscription.objects.locked().get(pk=subscription.pk)
    seat = Seat.objects.locked().select_related("holder").get(pk=seat_id)
    seat.subscription = subscription
    leaving = seat.holder
    if leaving is None or leaving.pk != holder_id:
        raise SeatHasChangedHands("Cette licence a changé de main entre-temps : relisez la liste, puis recommencez.")
    served = f"{_subject_and_verb(successor, by)} déjà une licence de cet abonnement : choisissez quelqu'un d'autre."
    if subscription.seats.filter(holder=successor).exists():
        raise AlreadyHoldsSeat(served)
    SeatEvent.objects.create(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=leaving, by=by, at=at)
    seat_holders.assign_seats([seat], [successor], SeatMode.AUTOMATIC, by=by, at=at, message=served)
    if leaving.pk != by.pk:
        notifications.notify_teacher_of_withdrawal(seat, leaving, at)
    notifications.notify_teachers_of_assignment([seat] if successor.pk != by.pk else [], at)
    # No event for the collectivity: the number of held seats is unchanged.
    return seat


def _get_eligible(selected: set[int], subscription: Subscription, by: User) -> list[User]:
    """Return the selected teachers ordered by name. Raises `PrincipalNotVerified` or `TeacherOfAnotherSchool`."""
    others = selected - {by.pk}
    teachers: dict[int, User] = {}
    if others:
        seat_holders.check_may_see_teachers(subscription, by)
        teachers = seat_holders.find_teachers(others, subscription) if len(others) <= _MAX_TEACHERS else {}
        if len(teachers) < len(others):
            raise seat_holders.other_school_error(len(others) - len(teachers))
    if by.pk in selected:
        teachers[by.pk] = by
    return sorted(teachers.values(), key=lambda teacher: (teacher.last_name, teacher.first_name, teacher.pk))


def _assign_free_seats(
    subscription: Subscription, teachers: list[User], by: User, at: datetime.datetime
) -> SeatAssignments:
    served = "Ces enseignants saisissent la clé eux-mêmes en ce moment : relisez la liste, puis recommencez."
    for _ in range(len(teachers) + 1):
        # Lock seats before reading holders: while waiting for a lock, one of these teachers may have claimed a seat.
        free = subscription.seats.free().by_assignment_priority().select_for_update(of=("self",), no_key=True)
        seats = list(free[: len(teachers)])
        holders = set(subscription.seats.filter(holder__in=teachers).values_list("holder_id", flat=True))
        already = [teacher for teacher in teachers if teacher.pk in holders]
        remaining = [teacher for teacher in teachers if teacher.pk not in holders]
        if not remaining:
            raise AlreadyHoldsSeat(_all_hold_one_message(already, by))
        if len(seats) < len(remaining):
            raise NoSeatLeft(_too_few_seats_message(subscription, len(remaining), len(seats)))
        assigned = seats[: len(remaining)]
        try:
            seat_holders.assign_seats(assigned, remaining, SeatMode.AUTOMATIC, by=by, at=at, message=served)
        except AlreadyHoldsSeat:
            # One of them claimed a seat since the holders were read: retry without them.
            continue
        return SeatAssignments(assigned, already)
    raise AlreadyHoldsSeat(served)


def _subject_and_verb(teacher: User, by: User) -> str:
    return "Vous détenez" if teacher.pk == by.pk else f"{teacher} détient"


def _all_hold_one_message(already: list[User], by: User) -> str:
    if len(already) == 1:
        return f"{_subject_and_verb(already[0], by)} déjà une licence de cet abonnement : il n'y a rien à attribuer."
    return (
        f"Les {len(already)} enseignants cochés détiennent déjà une licence de cet abonnement : "
        "il n'y a rien à attribuer."
    )


def _too_few_seats_message(subscription: Subscription, wanted: int, free: int) -> str:
    if free == 0:
        return (
            f"{seat_holders.no_seat_left_message(subscription)} Retirez-en une à un enseignant qui n'en a plus besoin,"
            " ou complétez dans la boutique."
        )
    return (
        f"Vous avez coché {wanted} enseignants et il reste {pluralize(free, 'licence')} dans cet abonnement :"
        f" décochez-en {wanted - free}, et recommencez. Rien n'a été attribué."
    )
