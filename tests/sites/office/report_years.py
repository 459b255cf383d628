"""Two school years of an office: schools that hold seats of both, by the operations that record it."""

import datetime
import random

from django.db import transaction

from core.calendar import PARIS
from licensing.entitlements import seat_holders
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent
from licensing.orders import operations as orders
from licensing.pools.models import Pool
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.licensing import SchoolYearFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed
from tests.sites.office.term_history import NAMES

#: The time of these tests.
NOW = datetime.datetime(2026, 11, 27, 10, tzinfo=PARIS)
LAST_OCTOBER, THIS_OCTOBER = (datetime.datetime(year, 10, 5, 9, tzinfo=PARIS) for year in (2025, 2026))
DAY = datetime.timedelta(days=1)


def open_pool(collectivity, ends, *, licences=40, at=None):
    """Return a granted pool of the school year that ends in that year."""
    year = SchoolYearFactory(starts_on=datetime.date(ends - 1, 9, 1), ends_on=datetime.date(ends, 8, 31))
    at = at or datetime.datetime(ends - 1, 9, 7, 9, tzinfo=PARIS)
    return orders.grant(
        collectivity=collectivity, licences=licences, reason="Essai", name=f"Lot {ends}", by=None, at=at,
        school_year=year,
    )  # fmt: skip


def serve(pool, school, *, units, used=0, redeemed=True, at):
    """Give licences to a school, redeem its key the day after, and seat teachers the day after that."""
    allocation = allocate_units(pool, school, units=units, at=at)
    type(allocation).objects.filter(pk=allocation.pk).update(created_at=at)
    if not redeemed:
        return None
    subscription = mark_redeemed(allocation, PrincipalFactory())
    ActivationKey.objects.filter(pk=allocation.key_id).update(redeemed_at=at + DAY)
    take_seats(subscription, used, at=at + 2 * DAY)
    return subscription


def take_seats(subscription, count, *, at):
    """Have teachers take free seats, as they do who type the key."""
    for _ in range(count):
        with transaction.atomic():
            seat_holders.take_free_seat(subscription, TeacherFactory(last_name="Zzyzx"), at)
    copy_everywhere()


def release_all(*, at):
    """Release every seat, as their holders do who close their accounts."""
    held = list(Seat.objects.held())
    SeatEvent.objects.bulk_create(
        SeatEvent(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=seat.holder, by=seat.holder, at=at) for seat in held
    )
    Seat.objects.held().update(holder=None, held_since=None, mode="")
    copy_everywhere()


def spend_two_years(collectivity):
    """Return the schools by name: Grande, Moyenne, and two small ones, which use more this year than last."""
    schools = {name: SchoolFactory(name=f"Ecole {name}") for name in ("Grande", "Moyenne", "Petite", "Seule")}
    last, now = open_pool(collectivity, 2026, licences=20), open_pool(collectivity, 2027, licences=30)
    serve(last, schools["Grande"], units=6, used=4, at=LAST_OCTOBER)
    # After the day that is compared.
    serve(last, schools["Moyenne"], units=3, used=1, at=LAST_OCTOBER + 120 * DAY)
    serve(now, schools["Grande"], units=8, used=8, at=THIS_OCTOBER)
    serve(now, schools["Moyenne"], units=4, used=3, at=THIS_OCTOBER + 7 * DAY)
    serve(now, schools["Petite"], units=2, used=1, at=THIS_OCTOBER + 14 * DAY)
    serve(now, schools["Seule"], units=1, redeemed=False, at=THIS_OCTOBER)
    return schools


def spend_full_years(collectivity):
    """Spend two years of a town of thirty schools: last year on a trial, this year on a purchase."""
    rng = random.Random(11)  # noqa: S311 - a draw, not a secret
    schools = [
        SchoolFactory(name=f"Ecole élémentaire {NAMES[number % len(NAMES)]} {number + 1}") for number in range(30)
    ]
    trial = open_pool(collectivity, 2026, licences=120, at=LAST_OCTOBER - 25 * DAY)
    for school in schools[:16]:
        units = rng.randint(2, 6)
        serve(trial, school, units=units, used=units // 2, at=LAST_OCTOBER + rng.randint(-20, 150) * DAY)
    PurchaseFactory(paid=True, at=THIS_OCTOBER - 28 * DAY, units=200)
    bought = Pool.objects.order_by("-opened_at", "-pk")[0]
    for number, school in enumerate(schools):
        units = rng.randint(2, 8) if number % 6 else 2
        used = units if number % 3 else units // 2
        given_at = THIS_OCTOBER + rng.randint(-24, 45) * DAY
        serve(bought, school, units=units, used=used, redeemed=number % 9 != 8, at=given_at)
