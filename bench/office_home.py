"""An office's home page, map and schools: 10,000 allocations and 60 weeks, in a country of 200,000 other keys.

Allocations are made by the real operation. Activations, reminders, and all keys of others are inserted in bulk.
"""

import datetime
import math
import os
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from bench.measure import Contender, MeasureGroup, peak_of_code, percentile, time_in_turn
from bench.office_data import create_schools, open_browser, open_office
from bench.page_measure import PageMeasure, load_page, replay
from bench.query_plans import QueryPlans
from bench.raw_copy import insert_rows
from bench.registry import measure
from bench.scratch_database import as_owner
from collectivities.capabilities import Role
from collectivities.models import Member, PortfolioSchool
from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, SeatEvent, SeatMode, Subscription
from licensing.orders import operations as orders
from licensing.pools import checks
from licensing.pools import operations as pools
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from mailing.models import Message, MessageState
from schools.models import School, TerritoryLevel, TerritoryOutline
from tenants.models import Collectivity

ALLOCATIONS, WEEKS, UNITS = 10_000, 60, 3
COUNTRY_KEYS, COUNTRY_ORDERS, COUNTRY_SCHOOLS = 200_000, 50, 60_000
MAX_QUERIES, MAX_S = 20, 0.150
WEEK = datetime.timedelta(days=7)
#: What belongs to the office alone, and is counted as a whole; and tables of a few rows.
OF_THE_OFFICE = frozenset(
    {
        "pools_pool", "pools_allocation", "mailing_message", "collectivities_portfolioschool",
        "collectivities_auditentry", "collectivities_officesettings", "collectivities_member",
        "imports_spreadsheetimport", "imports_importrow", "api_token", "entitlements_entitlement",
        "schools_territoryoutline", "orders_order", "orders_orderline", "catalogue_product", "catalogue_schoolyear",
        "tenants_collectivity", "tenants_domain", "accounts_session", "mfa_authenticator", "accounts_user",
    }
)  # fmt: skip


#: What an office looks at every day, with the same data.
PAGES = {
    "home": "/",
    "map": "/carte/",
    "schools": "/ecoles/",
    "schools whose key waits, by use": "/ecoles/?licences=dormant&sort=-used",
}


@measure("office_home")
def office_home() -> MeasureGroup:
    """The pages of a viewer: home with figures, curve and journal, its map, and the list of 10,000 schools."""
    office = create_year()
    browser = sign_in_viewer(office)
    return MeasureGroup("office_home", tuple(measure_page(office, browser, name, PAGES[name]) for name in PAGES))


def measure_page(
    office: Collectivity, browser: Client, name: str, path: str, *, max_queries: int = MAX_QUERIES, max_s: float = MAX_S
) -> PageMeasure:
    """Return the figures of a page of the office, beside its own questions and a count of objects."""

    def look() -> None:
        load_page(browser, path)

    look()
    # A seventh of the directory is the office's: its names are then read in the order of the directory.
    plans = QueryPlans(small=OF_THE_OFFICE, walked=frozenset({"schools_school_pkey"}))
    with plans.watch():
        look()
    with tenant_context(office):
        times = time_in_turn(
            {
                "ours": Contender(look),
                "floor": Contender(lambda: replay(plans.asked)),
                "peer": Contender(count_as_usual),
            },
            rounds=5,
        )
        return PageMeasure(
            name=name,
            ours_s=percentile(times["ours"], 0.5),
            floor_s=percentile(times["floor"], 0.5),
            peer_s=percentile(times["peer"], 0.5),
            peak_mb=peak_of_code(f"from bench.office_home import look_once; look_once({path!r})"),
            floor="the page's own questions alone, their answers fetched and thrown away; medians",
            peer="the office's allocations with key, seats and school, and its messages, as objects counted in Python",
            plans=tuple(plans.texts()),
            full_scans=tuple(plans.full_scans()),
            queries=len(plans.asked),
            max_queries=max_queries,
            max_s=max_s,
        )


def look_once(path: str) -> None:
    """Answer the page once, in a separate process."""
    sign_in_viewer(Collectivity.objects.get(slug="nimes")).get(path)


def sign_in_viewer(office: Collectivity) -> Client:
    """Return a client signed in at the office as a member who may look."""
    user, is_new = User.objects.get_or_create(username="lecture", defaults={"email": "lecture@exemple.example"})
    if is_new:
        with tenant_context(office):
            Member.objects.create(user=user, roles=[Role.VIEWER], joined_at=timezone.now())
    return open_browser(user, f"{office.slug}.{settings.BASE_DOMAIN}")


# --- The data -------------------------------------------------------------------------------------------------------


def create_year() -> Collectivity:
    """Create the office with its year, and the country around it; return the office."""
    now = timezone.now()
    schools = create_schools(ALLOCATIONS + COUNTRY_SCHOOLS)
    place_schools(schools[:ALLOCATIONS])
    office = open_office()
    principal = User.objects.create(username="direction", profile=Profile.PRINCIPAL)
    teacher = User.objects.create(username="classe", profile=Profile.TEACHER)
    begun = now - (WEEKS - 1) * WEEK
    # Before the office's own, whose keys an index in order then has last.
    create_country(schools[ALLOCATIONS:], principal, teacher, begun)
    pool = orders.grant(collectivity=office, licences=5 * ALLOCATIONS, reason="Mesure", by=None, at=now)
    Entitlement.objects.filter(pk=pool.entitlement_id).update(
        first_day=date_in_paris(begun), last_day=date_in_paris(now + 10 * WEEK)
    )
    with tenant_context(office):
        PortfolioSchool.objects.bulk_create(PortfolioSchool(school=one, added_at=now) for one in schools[:ALLOCATIONS])
        demands = [checks.Demand(one.uai, UNITS, one.email) for one in schools[:ALLOCATIONS]]
        pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=begun)
        send_and_remind(begun)
    activate(ActivationKey.objects.filter(entitlement_id=pool.entitlement_id), principal, teacher, begun)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return office


def place_schools(schools: Sequence[School]) -> None:
    """Give the schools places in a round territory, whose outline is known."""
    rng = random.Random(5)  # noqa: S311 - a draw, not a secret
    for school in schools:
        school.latitude, school.longitude = 43.8 + rng.gauss(0, 0.2), 4.3 + rng.gauss(0, 0.3)
        school.commune_code = "30189"
    School.objects.bulk_update(schools, ["latitude", "longitude", "commune_code"], batch_size=2_000)
    turns = [2 * math.pi * number / 300 for number in range(301)]
    TerritoryOutline.objects.create(
        level=TerritoryLevel.COMMUNE,
        code="30189",
        name="Nîmes",
        rings=[[[4.3 + math.cos(turn), 43.8 + 0.7 * math.sin(turn)] for turn in turns]],
        source="Mesure",
        loaded_at=timezone.now(),
    )


def send_and_remind(begun: datetime.datetime) -> None:
    """Let every key be sent in the first week, and as many reminders spread over the others."""
    Message.objects.update(state=MessageState.DELIVERED, sent_at=begun)
    ids = Allocation.objects.order_by("pk").values_list("pk", flat=True)
    insert_rows(
        Message,
        (
            {
                "kind": MessageKind.REMINDER.value,
                "recipient": "ecole@exemple.example",
                "topic": ALLOCATION_TOPIC,
                "topic_id": number,
                "context": "{}",
                "state": MessageState.DELIVERED.value,
                "created_at": begun,
                "due_at": begun,
                "sent_at": begun + WEEK * (number % WEEKS),
            }
            for number in ids
        ),
    )


@transaction.atomic
def activate(keys: Iterable[ActivationKey], principal: User, teacher: User, begun: datetime.datetime) -> None:
    """Activate two keys of three over the weeks; a teacher holds a seat of each."""
    activated = [key for number, key in enumerate(keys) if number % 3]
    for number, key in enumerate(activated):
        key.redeemed_at, key.redeemed_by = begun + WEEK * (number % (WEEKS - 1)), principal
    ActivationKey.objects.bulk_update(activated, ["redeemed_at", "redeemed_by"], batch_size=2_000)
    open_subscriptions(activated, principal, teacher, begun)


def open_subscriptions(keys: Sequence[ActivationKey], principal: User, teacher: User, begun: datetime.datetime) -> None:
    """Insert the subscriptions and seats of activated keys, and how the seats were taken."""
    insert_rows(
        Subscription,
        (
            {
                "key_id": key.pk,
                "principal_id": principal.pk,
                "school_id": key.school_id,
                "size": UNITS,
                "opened_at": begun,
            }
            for key in keys
        ),
    )
    opened = Subscription.objects.filter(key_id__in=[key.pk for key in keys]).values_list("pk", flat=True)
    held = {"holder_id": teacher.pk, "held_since": begun, "mode": SeatMode.AUTOMATIC.value}
    insert_rows(
        Seat,
        (
            {"subscription_id": pk, "number": number + 1, **(held if number == 0 else {})}
            for pk in opened
            for number in range(UNITS)
        ),
    )
    of_these = Subscription.objects.filter(key__entitlement__in={key.entitlement_id for key in keys})
    taken = list(Seat.objects.held().filter(subscription__in=of_these).values_list("pk", flat=True))
    given = {"kind": SeatEvent.Kind.ASSIGNED.value, "at": begun, "teacher_id": teacher.pk, "by_id": principal.pk}
    insert_rows(SeatEvent, ({"seat_id": pk, **given} for pk in taken))


def create_country(schools: Sequence[School], principal: User, teacher: User, begun: datetime.datetime) -> None:
    """Insert the keys of another office's orders, all activated, with their seats."""
    other = open_office(name="Département du Gard", slug="gard", siren="223000019")
    now = timezone.now()
    granted = [
        orders.grant(collectivity=other, licences=UNITS, reason="Mesure", by=None, at=now).entitlement_id
        for _ in range(COUNTRY_ORDERS)
    ]
    insert_rows(
        ActivationKey,
        (
            {
                "entitlement_id": granted[number % COUNTRY_ORDERS],
                "school_id": schools[number % COUNTRY_SCHOOLS].pk,
                "prefix": "GARD",
                "sealed_code": os.urandom(24),
                "sealed_under": 1,
                "units": UNITS,
                "issued_at": begun,
                "redeemed_at": begun,
                "redeemed_by_id": principal.pk,
            }
            for number in range(COUNTRY_KEYS)
        ),
    )
    open_subscriptions(list(ActivationKey.objects.filter(entitlement_id__in=granted)), principal, teacher, begun)


def count_as_usual() -> dict[Any, int]:
    """Count by week and by state from objects."""
    counts: Counter[Any] = Counter()
    allocations = Allocation.objects.active().select_related("pool__entitlement", "school", "key__subscription")
    for allocation in allocations.prefetch_related("key__subscription__seats"):
        counts[allocation.school.latitude] += 1
        if allocation.key.redeemed_at is not None:
            counts[date_in_paris(allocation.key.redeemed_at).isocalendar()[:2]] += 1
            counts["held"] += sum(seat.holder_id is not None for seat in allocation.key.subscription.seats.all())
    for message in Message.objects.filter(topic=ALLOCATION_TOPIC):
        if message.sent_at is not None:
            counts[message.kind, date_in_paris(message.sent_at).isocalendar()[:2]] += 1
    return counts
