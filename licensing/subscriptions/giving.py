"""Units that a principal gives: to one teacher or to forty at once, and from one who leaves to the next.

A gift to several is one operation by sets: all who were chosen get their unit, or nobody does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from licensing.subscriptions import notices, refusing, seating
from licensing.subscriptions.exceptions import AlreadyServed, NobodyChosen, NoSeatLeft, SeatHasChangedHands
from licensing.subscriptions.models import Seat, SeatEvent, SeatMode, Subscription
from web.typography import plural

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User

#: Beyond it, somebody sends numbers and does not tick names.
MOST_AT_ONCE = 500


class Given(NamedTuple):
    """What a gift to several came to."""

    seats: list[Seat]
    # Those among the chosen who held a unit of this subscription already: nothing to give them.
    already: list[User]


def assign(*, subscription_id: int, teacher: User, by: User, at: datetime.datetime) -> Seat:
    """Give a teacher of the school one unit, active at once; tell him by e-mail.

    A principal who teaches may give himself one. Others must belong to the subscription's school, and the principal
    must be verified to reach into its list of teachers. Raises a `Refused`.
    """
    return assign_many(subscription_id=subscription_id, teacher_ids=[teacher.pk], by=by, at=at).seats[0]


@transaction.atomic
def assign_many(*, subscription_id: int, teacher_ids: Collection[int], by: User, at: datetime.datetime) -> Given:
    """Give each of these teachers one unit, active at once, and tell them by e-mail.

    Those who hold one already are left out, and returned. Raises a `Refused`, nobody having been given anything:
    `NoSeatLeft` where more were chosen than units are free, `AlreadyServed` where all of them hold one.
    """
    chosen = set(teacher_ids)
    if not chosen:
        raise NobodyChosen("Cochez au moins un enseignant, puis attribuez-lui la clé.")
    subscription = seating.administered(subscription_id, by)
    refusing.if_over(subscription.key.source, by, at)
    teachers = _eligible(chosen, subscription, by)
    # Two principals who give at the same moment do so one after the other. Teachers who type the key wait for nobody:
    # they step over the seats that are locked here.
    Subscription.objects.locked().get(pk=subscription.pk)
    given = _give(subscription, teachers, by, at)
    for seat in given.seats:
        seat.subscription = subscription
    notices.tell_teachers_given([seat for seat in given.seats if seat.holder_id != by.pk], at)
    notices.tell_collectivity(subscription.key, "held", at)
    return given


@transaction.atomic
def replace(*, seat_id: int, holder_id: int, successor_id: int, by: User, at: datetime.datetime) -> Seat:
    """Take the unit from the teacher who holds it and give that very one, with its class, to another; tell both.

    `holder_id`: who held it when the principal decided. Raises a `Refused`, the unit staying where it was.
    """
    subscription_id = Seat.objects.filter(pk=seat_id).values_list("subscription_id", flat=True).first()
    subscription = seating.administered(subscription_id, by)
    refusing.if_over(subscription.key.source, by, at)
    [successor] = _eligible({successor_id}, subscription, by)
    Subscription.objects.locked().get(pk=subscription.pk)
    seat = Seat.objects.select_for_update(of=("self",), no_key=True).select_related("holder").get(pk=seat_id)
    seat.subscription = subscription
    leaving = seat.holder
    if leaving is None or leaving.pk != holder_id:
        raise SeatHasChangedHands("Cette licence a changé de main entre-temps : relisez la liste, puis recommencez.")
    served = f"{_called(successor, by)} déjà une licence de cet abonnement : choisissez quelqu'un d'autre."
    if subscription.seats.filter(holder=successor).exists():
        raise AlreadyServed(served)
    SeatEvent.objects.create(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=leaving, by=by, at=at)
    seating.hold([seat], [successor], SeatMode.AUTOMATIC, by=by, at=at, served=served)
    if leaving.pk != by.pk:
        notices.tell_teacher_withdrawn(seat, leaving, at)
    notices.tell_teachers_given([seat] if successor.pk != by.pk else [], at)
    # The collectivity counts units that are held: their number is the same.
    return seat


def _eligible(chosen: set[int], subscription: Subscription, by: User) -> list[User]:
    """Return those who were chosen, by name; or refuse, naming nobody."""
    others = chosen - {by.pk}
    teachers: dict[int, User] = {}
    if others:
        seating.refuse_reaching(subscription, by)
        teachers = seating.teachers_among(others, subscription) if len(others) <= MOST_AT_ONCE else {}
        if len(teachers) < len(others):
            raise seating.of_another_school(len(others) - len(teachers))
    if by.pk in chosen:
        teachers[by.pk] = by
    return sorted(teachers.values(), key=lambda teacher: (teacher.last_name, teacher.first_name, teacher.pk))


def _give(subscription: Subscription, teachers: list[User], by: User, at: datetime.datetime) -> Given:
    served = "Ces enseignants saisissent la clé eux-mêmes en ce moment : relisez la liste, puis recommencez."
    for _ in range(len(teachers) + 1):
        # Units first, and who holds one second: while we waited for a unit, its taker may have been one of ours.
        free = subscription.seats.free().next_first().select_for_update(of=("self",), no_key=True)
        seats = list(free[: len(teachers)])
        holders = set(subscription.seats.filter(holder__in=teachers).values_list("holder_id", flat=True))
        already = [teacher for teacher in teachers if teacher.pk in holders]
        wanting = [teacher for teacher in teachers if teacher.pk not in holders]
        if not wanting:
            raise AlreadyServed(_all_served(already, by))
        if len(seats) < len(wanting):
            raise NoSeatLeft(_too_many(subscription, len(wanting), len(seats)))
        given = seats[: len(wanting)]
        try:
            seating.hold(given, wanting, SeatMode.AUTOMATIC, by=by, at=at, served=served)
        except AlreadyServed:
            # One of them typed the key between the look and the gift, and has his unit: there is one fewer to serve.
            continue
        return Given(given, already)
    raise AlreadyServed(served)


def _called(teacher: User, by: User) -> str:
    return "Vous détenez" if teacher.pk == by.pk else f"{teacher} détient"


def _all_served(already: list[User], by: User) -> str:
    if len(already) == 1:
        return f"{_called(already[0], by)} déjà une licence de cet abonnement : il n'y a rien à attribuer."
    return (
        f"Les {len(already)} enseignants cochés détiennent déjà une licence de cet abonnement : "
        "il n'y a rien à attribuer."
    )


def _too_many(subscription: Subscription, wanted: int, free: int) -> str:
    if free == 0:
        return (
            f"{seating.all_taken(subscription)} Retirez-en une à un enseignant qui n'en a plus besoin, ou complétez "
            "dans la boutique."
        )
    return (
        f"Vous avez coché {wanted} enseignants et il reste {plural(free, 'licence')} dans cet abonnement : décochez-en "
        f"{wanted - free}, et recommencez. Rien n'a été attribué."
    )
