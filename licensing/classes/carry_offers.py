"""Which classes of the year before a teacher may carry on to their seats of the new one, from when, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import pluralize
from licensing.classes.class_schools import get_class_school
from licensing.classes.models import Classroom
from licensing.classes.overview import list_seats_without_class
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.entitlements.models import Seat
from licensing.entitlements.queries import get_school_year
from licensing.entitlements.wording import format_long_date

_DAY = datetime.timedelta(days=1)


class CarryOffer(NamedTuple):
    """A class that its teacher may carry on, and the seats without a class that it may go to."""

    classroom: Classroom
    pupils: int
    seats: list[Seat]
    # The first day on which it can be done, where it is to come.
    opens_on: datetime.date | None
    # The last one, inclusive: the pupils are erased on the next.
    last_day: datetime.date

    @property
    def sentence(self) -> str:
        """What the page of the class and « Mon compte » say of it."""
        who = f"La classe « {self.classroom.name} » et ses {pluralize(self.pupils, 'élève')}"
        if self.pupils == 1:
            who = f"La classe « {self.classroom.name} » et son élève"
        until = format_long_date(self.last_day)
        if self.opens_on is not None:
            return (
                f"{who} peuvent vous suivre dans l’année nouvelle, pour laquelle vous avez une licence : du "
                f"{format_long_date(self.opens_on)} au {until} inclus."
            )
        return (
            f"{who} peuvent vous suivre dans l’année nouvelle, pour laquelle vous avez une licence : jusqu’au {until} "
            "inclus. Sans choix de votre part, les comptes sont effacés ensuite."
        )

    @property
    def new_class_seat(self) -> Seat:
        """The seat with which a new class may be opened instead."""
        return self.seats[0]


def list_offers(user: User, *, at: datetime.datetime, seats: list[Seat] | None = None) -> list[CarryOffer]:
    """Return what a teacher may carry on, now or later; one query where they have nothing of two years.

    `seats`: those without a class, where they were read already.
    """
    if seats is not None and not seats:
        return []
    day = date_in_paris(at)
    later_seat = Seat.objects.filter(
        holder=user,
        classroom__isnull=True,
        subscription__key__entitlement__last_day__gt=OuterRef("seat__subscription__key__entitlement__last_day"),
    )
    classes = list(
        Classroom.objects.filter(Exists(later_seat), seat__holder=user, purged_at__isnull=True)
        .select_related("seat__subscription__key__entitlement")
        .annotate(size=Count("pupils"))
        .filter(size__gt=0)
        .order_by("name", "pk")
    )
    if not classes:
        return []
    if seats is None:
        seats = list_seats_without_class(user, at=at)
    offers = []
    for classroom in classes:
        later = [seat for seat in seats if find_obstacle(classroom, seat, user) == ""]
        last_day = get_erasure_date(classroom.seat.subscription.key.entitlement.last_day) - _DAY
        if later and day <= last_day:
            opens_on = min(get_first_day(classroom, seat, day) for seat in later)
            offers.append(CarryOffer(classroom, classroom.size, later, opens_on if opens_on > day else None, last_day))
    return offers


def list_offered_seats(offers: Collection[CarryOffer]) -> set[int]:
    """Return the seats with which the offers themselves open a new class: « Ouvrir ma classe » would say it twice."""
    return {offer.new_class_seat.pk for offer in offers if offer.opens_on is None}


def find_offer(classroom: Classroom, user: User, *, at: datetime.datetime) -> CarryOffer | None:
    """Return the offer of one class, or None."""
    if classroom.purged_at is not None or classroom.seat.holder_id != user.pk:
        return None
    return next((offer for offer in list_offers(user, at=at) if offer.classroom == classroom), None)


def find_obstacle(classroom: Classroom, seat: Seat, teacher: User) -> str:
    """Return why a class can never go to a seat of its teacher, in French; empty where it can."""
    old, new = classroom.seat.subscription, seat.subscription
    if get_school_year(new.key.entitlement.last_day) <= get_school_year(old.key.entitlement.last_day):
        return "Cette licence n’est pas d’une année qui suit celle de la classe : une classe ne s’emmène qu’alors."
    if get_class_school(old, teacher) != get_class_school(new, teacher):
        return (
            "Cette licence est d’une autre école que la classe : les comptes de ses élèves restent à leur école. Un "
            "collègue qui y enseigne peut les recevoir, par un code."
        )
    return ""


def get_first_day(classroom: Classroom, seat: Seat, day: datetime.date) -> datetime.date:
    """Return the first day, seen on `day`, on which a class can go to a seat: old licence over, new one begun."""
    old, new = classroom.seat.subscription.key.entitlement, seat.subscription.key.entitlement
    return max(new.first_day, day if old.over_on(day) else old.last_day + _DAY)
