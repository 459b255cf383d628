"""The office's list of 10,000 allocations, as it opens and under its slowest filters, among 40,000 keys."""

from django.conf import settings
from django.db import connection
from django.db.models.functions import Mod
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile
from bench.measure import Contender, MeasureGroup, peak_of_code, percentile, time_in_turn
from bench.office_data import create_person, create_schools, open_browser, open_office
from bench.page_measure import PageMeasure, load_page, replay
from bench.query_plans import QueryPlans
from bench.raw_copy import insert_rows
from bench.registry import measure
from bench.scratch_database import as_owner
from collectivities.capabilities import Role
from collectivities.models import Member
from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.checks import Demand
from licensing.pools.models import ALLOCATION_TOPIC, Allocation
from licensing.pools.queries import list_allocations
from mailing.models import Message
from schools.models import School
from tenants.models import Collectivity

SCHOOLS, SERVED = 30_000, 10_000
MAX_QUERIES, MAX_S = 20, 0.150
PAGES = {
    "as it opens": "/attributions/",
    "not redeemed": "/attributions/?situation=issued",
    "delivered": "/attributions/?situation=delivered",
    "undelivered": "/attributions/?situation=undelivered",
    "by school": "/attributions/?sort=school",
    "by use, page 150": "/attributions/?sort=-held&page=150",
    "words": "/attributions/?q=elementaire+777",
}


@measure("allocation_list")
def allocation_list() -> MeasureGroup:
    """Pages of the list of 10,000 allocations, of 30,000 licences, 2,500 of their keys redeemed."""
    office = create_allocations()
    browser = sign_in_manager(office)
    return MeasureGroup(
        "allocation_list", tuple(_measure_page(office, browser, name, path) for name, path in PAGES.items())
    )


def create_allocations() -> Collectivity:
    """Allocate to 10,000 schools of an office, and to 30,000 of another; return the first."""
    create_schools(SCHOOLS)
    office = open_office()
    for collectivity, served in ((office, SERVED), (open_office(name="Gard", slug="gard", siren="223000019"), SCHOOLS)):
        _allocate(collectivity, served)
    principal = create_person("direction", Profile.PRINCIPAL, School.objects.order_by("pk")[0].pk)
    with tenant_context(office):
        _redeem(principal.pk)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return office


def _allocate(collectivity: Collectivity, served: int) -> None:
    now = timezone.now()
    pool = orders.grant(collectivity=collectivity, licences=3 * served, reason="Mesure", by=None, at=now)
    schools = School.objects.order_by("pk").values_list("uai", "email")[:served]
    with tenant_context(collectivity):
        demands = [Demand(uai, 3, email) for uai, email in schools]
        pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=now)
        # A tenth of the first e-mails failed, and half are known to have arrived.
        for state, remainders in (("sent", (0, 1, 2, 3)), ("delivered", (4, 5, 6, 7, 8)), ("failed", (9,))):
            Message.objects.alias(remainder=Mod("topic_id", 10)).filter(remainder__in=remainders).update(
                state=state, sent_at=now
            )


def _redeem(principal: int) -> None:
    """Write the rows that redeeming every fourth key would leave, one of its three seats held."""
    now = timezone.now()
    keys = list(Allocation.objects.order_by("pk").values_list("key_id", "school_id"))[::4]
    ActivationKey.objects.filter(pk__in=[key for key, _ in keys]).update(redeemed_at=now, redeemed_by=principal)
    insert_rows(
        Subscription,
        (
            {"key_id": key, "principal_id": principal, "school_id": uai, "size": 3, "opened_at": now}
            for key, uai in keys
        ),
    )
    opened = list(Subscription.objects.order_by("pk").values_list("pk", flat=True))
    held = {"holder_id": principal, "held_since": now, "mode": "manual"}
    insert_rows(
        Seat,
        (
            {"subscription_id": number, "number": place + 1, **(held if place == 0 else {})}
            for number in opened
            for place in range(3)
        ),
    )


def sign_in_manager(office: Collectivity) -> Client:
    """Return the browser of a manager of the office."""
    user = create_person("gestion", Profile.TEACHER, School.objects.order_by("pk")[0].pk)
    with tenant_context(office):
        Member.objects.create(user=user, roles=[Role.MANAGER], joined_at=timezone.now())
    return open_browser(user, f"{office.slug}.{settings.BASE_DOMAIN}")


def _measure_page(office: Collectivity, browser: Client, name: str, path: str) -> PageMeasure:
    def look() -> None:
        load_page(browser, path)

    look()
    plans = QueryPlans()
    with plans.watch():
        look()

    with tenant_context(office):
        times = time_in_turn(
            {
                "ours": Contender(look),
                "floor": Contender(lambda: replay(plans.asked)),
                "peer": Contender(_as_usual),
            },
            rounds=15,
        )
        return PageMeasure(
            name=name,
            ours_s=percentile(times["ours"], 0.5),
            floor_s=percentile(times["floor"], 0.5),
            peer_s=percentile(times["peer"], 0.5),
            peak_mb=peak_of_code("from bench.allocation_list import read_page; read_page()"),
            floor="the page's own questions alone, their answers fetched and thrown away; medians, as the others",
            peer="fifty allocations as objects lead from one to the next, a question each, and no page made of them",
            plans=tuple(plans.texts()),
            queries=len(plans.asked),
            max_queries=MAX_QUERIES,
            max_s=MAX_S,
        )


def read_page() -> None:
    """Read a page of the list, in a separate process."""
    with tenant_context(Collectivity.objects.order_by("pk")[0]):
        list(list_allocations(date_in_paris(timezone.now())).order_by("-created_at")[:50])


def _as_usual() -> list[str]:
    return [
        f"{one.school} {one.pool} {one.key.redeemed_at} {Seat.objects.filter(subscription__key=one.key).count()}"
        f" {Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=one.pk).order_by('-pk').first()}"
        for one in Allocation.objects.order_by("-created_at")[:50]
    ]
