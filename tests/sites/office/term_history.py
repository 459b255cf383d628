"""A school year of an office: schools of a town, keys sent, reminders, activations; and the town's outline."""

import datetime
import json
import math
import random

from django.utils import timezone

from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools.checks import Demand
from licensing.pools.models import Allocation, MessageKind
from licensing.pools.operations import allocate_many
from mailing.models import Message, MessageState
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import mark_redeemed

#: Nîmes.
LONGITUDE, LATITUDE = 4.36, 43.84
NAMES = ("Jean Jaurès", "Prosper Mérimée", "Jean Moulin", "Marie Curie", "Louise Michel", "Jules Ferry", "Jean Macé")
WEEK = datetime.timedelta(days=7)


def make_outline(positions=400):
    """Return the closed line of a town as open data has it: irregular, with more positions than a map shows."""
    rng = random.Random(7)  # noqa: S311 - a draw, not a secret
    ring = []
    for number in range(positions):
        angle = 2 * math.pi * number / positions
        radius = 1 + 0.15 * math.sin(5 * angle) + 0.08 * math.cos(11 * angle) + rng.uniform(-0.004, 0.004)
        ring.append([LONGITUDE + 0.11 * radius * math.cos(angle), LATITUDE + 0.07 * radius * math.sin(angle)])
    return [*ring, ring[0]]


def write_geojson(path, *features):
    """Write a file of (properties, ring) features and return its path."""
    path.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": properties,
                        "geometry": {"type": "Polygon", "coordinates": [ring]},
                    }
                    for properties, ring in features
                ],
            }
        )
    )
    return path


def spend_weeks(collectivity, *, schools=138, weeks=60):
    """Give licences to the schools, in the current schema, and activate two thirds of the keys over the weeks."""
    rng = random.Random(3)  # noqa: S311 - a draw, not a secret
    now = timezone.now()
    begun = now - (weeks - 1) * WEEK
    pool = orders.grant(
        collectivity=collectivity, licences=5 * schools, reason="Essai", name="Année", by=None, at=begun
    )
    Entitlement.objects.filter(pk=pool.entitlement_id).update(
        first_day=date_in_paris(begun), last_day=date_in_paris(now) + 10 * WEEK
    )
    town = [
        SchoolFactory(
            name=f"Ecole élémentaire {NAMES[number % len(NAMES)]} {number + 1}",
            longitude=LONGITUDE + rng.gauss(0, 0.03),
            latitude=LATITUDE + rng.gauss(0, 0.02),
        )
        for number in range(schools)
    ]
    for school in town:
        PortfolioSchoolFactory(school=school)
    served = town[: schools * 5 // 6]
    demands = [Demand(uai=school.uai, units=3, recipient=school.email) for school in served]
    allocate_many(pool_id=pool.pk, demands=demands, by=None, at=begun)
    allocations = list(Allocation.objects.filter(pool_id=pool.pk).select_related("key").order_by("pk"))
    Message.objects.update(state=MessageState.SENT, sent_at=begun + WEEK)
    principal, teacher = PrincipalFactory(), TeacherFactory()
    for number, allocation in enumerate(allocations[: len(allocations) * 2 // 3]):
        subscription = mark_redeemed(allocation, principal)
        at = begun + WEEK + WEEK * (weeks - 2) * rng.betavariate(1.2, 3)
        ActivationKey.objects.filter(pk=allocation.key_id).update(redeemed_at=at)
        if number % 2:
            seat = subscription.seats.first()
            seat.holder, seat.held_since, seat.mode = teacher, at, "manual"
            seat.save()
    copy_everywhere()
    for number, allocation in enumerate(allocations[-20:]):
        Message.objects.create(
            kind=MessageKind.REMINDER,
            recipient="ecole@exemple.example",
            topic="allocation",
            topic_id=allocation.pk,
            state=MessageState.SENT,
            created_at=now,
            due_at=now,
            sent_at=begun + WEEK * (weeks // 4) * (1 + number % 3),
        )
    return pool
