"""Licences on top of `bench.account_data`: 30,000 seats in the country, and one school with many.

Keys are created by the real operations; subscriptions and classes are inserted in bulk, since ten thousand
redemptions would take longer than the measures.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from bench.office_data import open_office
from bench.raw_copy import insert_rows
from bench.scratch_database import as_owner
from licensing.classes import words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import seat_holders
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent, SeatMode, Subscription
from licensing.orders import operations as orders
from licensing.pools import checks
from licensing.pools import operations as pools
from schools.models import Affiliation, School, Verification
from tenants.models import Collectivity

#: Of the measured school; and of the country.
SUBSCRIPTIONS, UNITS, TEACHERS = 10, 7, 60
SCHOOLS, CLASSES, PUPILS = 10_000, 5_000, 20
_BATCH = 5_000


def create_licences() -> User:
    """Create all licences; return the principal whose page is measured."""
    now = timezone.now()
    office = open_office()
    school = (
        School.objects.filter(email__contains="@", commune="Nîmes").first()
        or School.objects.filter(email__contains="@")[0]
    )
    principal = _school_of(school)
    for _ in range(SUBSCRIPTIONS):
        pool = orders.grant(collectivity=office, licences=UNITS, reason="Mesure", by=None, at=now)
        with tenant_context(office):
            [allocation] = [
                pools.allocate(pool_id=pool.pk, uai=school.pk, units=UNITS, recipient=school.email, by=None, at=now)
            ]
        _redeemed([allocation.key], [principal.pk])
    teachers = User.objects.filter(affiliations__school=school, profile=Profile.TEACHER).order_by("pk")
    served = iter(list(teachers.values_list("pk", flat=True)))
    for subscription in Subscription.objects.order_by("pk"):
        seat_holders.assign_many(
            subscription_id=subscription.pk,
            teacher_ids=list(itertools.islice(served, UNITS - 2)),
            by=principal,
            at=now,
        )
    _country(office, school)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return principal


@transaction.atomic
def _school_of(school: School) -> User:
    """Move `TEACHERS` teachers to the school and give it a verified principal."""
    moving = list(
        Affiliation.objects.filter(user__profile=Profile.TEACHER)
        .exclude(school=school)
        .order_by("pk")
        .values_list("pk", flat=True)[:TEACHERS]
    )
    Affiliation.objects.filter(pk__in=moving).update(
        school=school, name="", city="", postal_code="", address="", country=""
    )
    principal = User.objects.filter(profile=Profile.PRINCIPAL).order_by("pk")[0]
    User.objects.filter(pk=principal.pk).update(username="direction")
    now = timezone.now()
    Affiliation.objects.filter(user=principal).delete()
    Affiliation.objects.create(
        user=principal, school=school, since=now, verified_at=now, verified_by=Verification.OPERATOR
    )
    return User.objects.get(pk=principal.pk)


@transaction.atomic
def _redeemed(keys: Sequence[ActivationKey], principals: Sequence[int]) -> list[Subscription]:
    """Insert the rows that redeeming the keys would leave."""
    now = timezone.now()
    for key, principal in zip(keys, principals, strict=True):
        key.redeemed_at, key.redeemed_by_id = now, principal
    ActivationKey.objects.bulk_update(keys, ["redeemed_at", "redeemed_by"], batch_size=_BATCH)
    opened = Subscription.objects.bulk_create(
        [
            Subscription(
                key=key, principal_id=key.redeemed_by_id, school_id=key.school_id, size=key.units, opened_at=now
            )
            for key in keys
        ],
        batch_size=_BATCH,
    )
    insert_rows(Seat, ({"subscription_id": one.pk, "number": n + 1} for one in opened for n in range(one.size)))
    return opened


def _country(office: Collectivity, without: School) -> None:
    """Allocate three seats to each of 10,000 other schools, two of them held; open classes in some."""
    rng = random.Random(11)  # noqa: S311 - a draw, not a secret
    now = timezone.now()
    pool = orders.grant(collectivity=office, licences=10 * SCHOOLS, reason="Mesure", by=None, at=now)
    others = School.objects.exclude(pk=without.pk).filter(email__contains="@").order_by("uai")[:SCHOOLS]
    with tenant_context(office):
        pools.allocate_many(
            pool_id=pool.pk, demands=[checks.Demand(each.uai, 3, each.email) for each in others], by=None, at=now
        )
    keys = list(ActivationKey.objects.filter(redeemed_at=None).order_by("pk"))
    principals = list(User.objects.filter(profile=Profile.PRINCIPAL).order_by("pk").values_list("pk", flat=True))
    opened = _redeemed(keys, principals[1 : len(keys) + 1])
    teachers = User.objects.filter(profile=Profile.TEACHER).order_by("-pk").values_list("pk", flat=True)
    waiting = iter(list(teachers))
    seats = list(Seat.objects.filter(subscription__in=[one.pk for one in opened], number__lt=3).order_by("pk"))
    for seat in seats:
        seat.holder_id, seat.held_since, seat.mode = next(waiting), now, SeatMode.AUTOMATIC
    Seat.objects.bulk_update(seats, ["holder", "held_since", "mode"], batch_size=_BATCH)
    given = {"kind": SeatEvent.Kind.ASSIGNED.value, "at": now}
    insert_rows(
        SeatEvent,
        ({**given, "seat_id": seat.pk, "teacher_id": seat.holder_id, "by_id": seat.holder_id} for seat in seats),
    )
    classes = Classroom.objects.bulk_create(
        [
            Classroom(seat=seat, code=f"tulipe-{number:04}", name="CE1 B", opened_at=now)
            for number, seat in enumerate(rng.sample(seats, CLASSES))
        ],
        batch_size=_BATCH,
    )
    insert_rows(PupilAccount, _pupils(classes))


def _pupils(classes: Sequence[Classroom]) -> Iterator[dict[str, Any]]:
    now = timezone.now()
    once = {"password": "!", "created_at": now, "password_set_at": now}
    for classroom in classes:
        for number, word in enumerate(words.list_words("pupils")[:PUPILS]):
            yield {"classroom_id": classroom.pk, "number": number + 1, "word": word, "code": classroom.code, **once}
