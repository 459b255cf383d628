"""A class with its licence, teacher and pupils, written straight to the tables."""

import datetime
import itertools

from django_tenants.utils import tenant_context

from licensing.classes import words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements.models import Seat, SeatMode, Subscription
from schools.models import Verification
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.licensing import EntitlementFactory, KeyFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

_numbers = itertools.count(1000)


def create_subscription(*, size=1, school=None, principal=None, **entitlement) -> Subscription:
    """Return a redeemed subscription; `entitlement`: fields of its entitlement."""
    school = school or SchoolFactory()
    principal = principal or PrincipalFactory()
    with tenant_context(Collectivity.objects.get(slug="nimes")):
        came_from = EntitlementFactory()
        for name, value in entitlement.items():
            setattr(came_from, name, value)
        came_from.save()
        key = KeyFactory(entitlement=came_from, school=school, units=size, redeemed_at=TERM, redeemed_by=principal)
    opened = Subscription.objects.create(key=key, principal=principal, school=school, size=size, opened_at=TERM)
    Seat.objects.bulk_create(Seat(subscription=opened, number=number + 1) for number in range(size))
    return opened


def hold_seat(opened: Subscription, *, by=None, number=1) -> Seat:
    """Return one of the subscription's seats, held by a teacher."""
    seat = opened.seats.get(number=number)
    seat.holder, seat.held_since, seat.mode = by or TeacherFactory(), TERM, SeatMode.AUTOMATIC
    seat.save()
    return seat


def create_class(seat: Seat, *, pupils=0, **fields) -> Classroom:
    """Return a class on the seat, with `pupils` pupils without usable passwords."""
    opened = Classroom.objects.create(
        seat=seat, **{"code": f"tulipe-{next(_numbers)}", "name": "CE1 B", "opened_at": TERM} | fields
    )
    PupilAccount.objects.bulk_create(
        PupilAccount(
            classroom=opened,
            number=number + 1,
            word=words.list_words("pupils")[number],
            code=opened.code,
            password="!",
            created_at=TERM,
            password_set_at=TERM,
        )
        for number in range(pupils)
    )
    return opened


def create_taught_class(*, pupils=1, by=None, **entitlement) -> Classroom:
    """Return a class with a teacher and a licence of its own."""
    return create_class(hold_seat(create_subscription(**entitlement), by=by), pupils=pupils)


def paris_time(day: int, month: int, year: int = 2027, hour: int = 10) -> datetime.datetime:
    """Return that day and hour in Paris."""
    return datetime.datetime(year, month, day, hour, tzinfo=TERM.tzinfo)


def create_principal(school, **fields):
    """Return a verified principal of the school."""
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=school, **{"verified_at": TERM, "verified_by": Verification.KEY} | fields)
    return principal
