"""The pages that an office opens every day, at 300 allocations and at 60,000: two offices of one country, in turn.

The large one has 60,000 schools, 40,000 of whose keys are redeemed: what a page takes is to stay within twice that of
the small one. Allocations are made by the real operation; activations and requests are inserted in bulk.
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from bench.office_data import create_schools, open_browser, open_office
from bench.office_home import WEEK, WEEKS
from bench.page_measure import load_page, replay
from bench.query_plans import QueryPlans
from bench.registry import measure
from bench.scratch_database import as_owner
from collectivities.capabilities import Role
from collectivities.models import Member
from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from licensing.pools import checks
from licensing.pools import operations as pools
from licensing.pools.key_states import copy_all_key_states
from schools.models import School, TerritoryLevel, TerritoryOutline
from tenants.models import Collectivity

FEW, MANY, UNITS = 300, 60_000, 3
MAX_S, MAX_RATIO = 0.25, 2.0
ROUNDS = 5
PAGES = {
    "map": "/carte/",
    "search of schools": "/ecoles/?text=elementaire+7",
    "report": "/rapport/",
    "schools": "/ecoles/",
    "home": "/",
    "distribute": "/distribuer/",
    "lots": "/lots/",
    "requests": "/demandes/",
    "allocations": "/attributions/",
}


@dataclass(frozen=True)
class PageCost:
    """A page of the small office and of the large: seconds of processor, of both processes, and statements."""

    name: str
    few_s: float
    many_s: float
    #: Of the large office: the page's statements alone, and what of the time is Python's.
    floor_s: float
    python_s: float
    few_statements: int
    many_statements: int

    @property
    def ratio(self) -> float:
        """How many times as much the large office takes."""
        return self.many_s / self.few_s

    def line(self) -> str:
        """Return the figures in one line."""
        return (
            f"{self.name:<18} {self.few_s:.3f} s -> {self.many_s:.3f} s  x {self.ratio:.1f}"
            f"  (statements alone {self.floor_s:.3f} s, Python {self.python_s:.3f} s)"
            f"  statements {self.few_statements} -> {self.many_statements}"
        )

    def failures(self) -> list[str]:
        """Return a sentence for each target that is missed."""
        found = []
        if self.many_s > MAX_S:
            found.append(f"{self.name}: {self.many_s:.2f} s of processor at {MANY:,}, {MAX_S} at most")
        if self.ratio > MAX_RATIO:
            found.append(f"{self.name}: {self.ratio:.1f} times as much at {MANY:,} as at {FEW}, {MAX_RATIO} at most")
        if self.few_statements != self.many_statements:
            found.append(f"{self.name}: {self.few_statements} statements at {FEW}, {self.many_statements} at {MANY:,}")
        return found


@dataclass(frozen=True)
class OfficePages:
    """All pages, and how busy the machine was."""

    name: str
    pages: tuple[PageCost, ...]
    load: float

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return a line a page."""
        return "\n".join([f"name={self.name}  load={self.load:.1f}", *(f"  {page.line()}" for page in self.pages)])

    def failures(self) -> list[str]:
        """Return the failures of all pages."""
        return [failure for page in self.pages for failure in page.failures()]


@measure("office_pages")
def office_pages() -> OfficePages:
    """Load each page of both offices in turn, as a member with every role."""
    few, many = create_offices()
    browsers = {office: _sign_in(office) for office in (few, many)}
    pages = tuple(_measure_page(name, path, few, many, browsers) for name, path in PAGES.items())
    return OfficePages("office_pages", pages, os.getloadavg()[0])


def _measure_page(
    name: str, path: str, few: Collectivity, many: Collectivity, browsers: Mapping[Collectivity, Client]
) -> PageCost:
    watched: dict[Collectivity, QueryPlans] = {}
    for office, browser in browsers.items():
        load_page(browser, path)
        watched[office] = QueryPlans()
        with watched[office].watch():
            load_page(browser, path)
    taken: dict[Collectivity, list[tuple[float, float]]] = {few: [], many: []}
    floor = []
    for _ in range(ROUNDS):
        for office, browser in browsers.items():
            before = _read_processor()
            load_page(browser, path)
            after = _read_processor()
            taken[office].append((after[0] - before[0], after[1] - before[1]))
        with tenant_context(many):
            before = _read_processor()
            replay(watched[many].asked)
            floor.append(sum(_read_processor()) - sum(before))
    return PageCost(
        name,
        median(map(sum, taken[few])),
        median(map(sum, taken[many])),
        median(floor),
        median(python for python, _ in taken[many]),
        len(watched[few].asked),
        len(watched[many].asked),
    )


def _read_processor() -> tuple[float, float]:
    """Return the seconds that this process used so far, and the server's for this connection. Source: `/proc`.

    The server's in nanoseconds, as its scheduler counts them.
    """
    server = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    return time.process_time(), int(server.split()[0]) / 1e9


def _sign_in(office: Collectivity) -> Client:
    """Return the browser of a member with every role."""
    user = User.objects.create(username=f"membre-{office.slug}", email=f"membre@{office.slug}.example")
    with tenant_context(office):
        Member.objects.create(user=user, roles=list(Role.values), joined_at=timezone.now())
    return open_browser(user, f"{office.slug}.{settings.BASE_DOMAIN}")


# --- The data -------------------------------------------------------------------------------------------------------


def create_offices() -> tuple[Collectivity, Collectivity]:
    """Create the country with both offices; return the small and the large."""
    schools = create_schools(FEW + MANY)
    few = open_office(name="Ville d'Uzès", slug="uzes", siren="213003346")
    many = open_office(name="Ville de Nîmes", slug="nimes", siren="213001894")
    principal = User.objects.create(username="direction", profile=Profile.PRINCIPAL)
    teacher = User.objects.create(username="classe", profile=Profile.TEACHER)
    _place_schools()
    for office, served in ((few, schools[:FEW]), (many, schools[FEW:])):
        _serve(office, served, principal, teacher)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return few, many


def _place_schools() -> None:
    """Give the schools places in a territory of 200 communes, whose outline is known."""
    with connection.cursor() as cursor:
        cursor.execute("""
            UPDATE schools_school SET
                latitude = 43.8 + 0.2 * sqrt(random()) * sin(hashtext(uai)),
                longitude = 4.3 + 0.3 * sqrt(random()) * cos(hashtext(uai)),
                commune = 'Commune ' || right(left(uai, 7), 2), commune_code = '301' || right(left(uai, 7), 2),
                departement_code = '030'
        """)
    turns = [2 * math.pi * number / 300 for number in range(301)]
    TerritoryOutline.objects.create(
        level=TerritoryLevel.COMMUNE,
        code="30100",
        name="Nîmes",
        rings=[[[4.3 + math.cos(turn), 43.8 + 0.7 * math.sin(turn)] for turn in turns]],
        source="Mesure",
        loaded_at=timezone.now(),
    )


def _serve(office: Collectivity, schools: Sequence[School], principal: User, teacher: User) -> None:
    """Allocate to the schools, redeem two keys of three over the weeks, and let a fiftieth ask for more."""
    now = timezone.now()
    begun = now - (WEEKS - 1) * WEEK
    pool = orders.grant(collectivity=office, licences=5 * len(schools), reason="Mesure", by=None, at=now)
    Entitlement.objects.filter(pk=pool.entitlement_id).update(
        first_day=date_in_paris(begun), last_day=date_in_paris(now + 10 * WEEK)
    )
    with tenant_context(office):
        demands = [checks.Demand(one.uai, UNITS, one.email) for one in schools]
        pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=begun)
    parameters: dict[str, Any] = {
        "entitlement": pool.entitlement_id,
        "pool": pool.pk,
        "office": office.pk,
        "principal": principal.pk,
        "teacher": teacher.pk,
        "begun": begun,
        "now": now,
        "week": WEEK,
        "weeks": WEEKS - 1,
        "units": UNITS,
    }
    with tenant_context(office), connection.cursor() as cursor:
        for statement in _BECAME.split(";"):
            cursor.execute(statement, parameters)
    with tenant_context(office):
        copy_all_key_states()


#: What became of the allocations of a pool: letters, activations with their seats and journal, reminders, requests.
_BECAME = """
INSERT INTO collectivities_portfolioschool (school_id, contact_name, contact_email, contact_phone, added_at)
SELECT school_id, '', '', '', %(now)s FROM pools_allocation;

UPDATE mailing_message
SET state = CASE WHEN topic_id %% 100 = 0 THEN 'failed' ELSE 'delivered' END, sent_at = %(begun)s;

UPDATE entitlements_activationkey SET
    redeemed_at = %(begun)s + %(week)s * (id %% %(weeks)s), redeemed_by_id = %(principal)s
WHERE entitlement_id = %(entitlement)s AND id %% 3 > 0;

INSERT INTO entitlements_subscription (key_id, principal_id, school_id, size, opened_at)
SELECT id, %(principal)s, school_id, units, redeemed_at FROM entitlements_activationkey
WHERE entitlement_id = %(entitlement)s AND redeemed_at IS NOT NULL;

INSERT INTO entitlements_seat (subscription_id, number, holder_id, held_since, mode)
SELECT subscription.id, place, CASE place WHEN 1 THEN %(teacher)s END, CASE place WHEN 1 THEN opened_at END,
    CASE place WHEN 1 THEN 'automatic' ELSE '' END
FROM entitlements_subscription AS subscription
JOIN entitlements_activationkey AS key ON key.id = subscription.key_id AND key.entitlement_id = %(entitlement)s
CROSS JOIN generate_series(1, %(units)s) AS place;

INSERT INTO entitlements_seatevent (seat_id, kind, at, teacher_id, by_id)
SELECT seat.id, 'assigned', seat.held_since, %(teacher)s, %(principal)s
FROM entitlements_seat AS seat
JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
JOIN entitlements_activationkey AS key ON key.id = subscription.key_id AND key.entitlement_id = %(entitlement)s
WHERE seat.holder_id IS NOT NULL;

INSERT INTO collectivities_auditentry
    (at, actor_name, actor_username, action, school_id, object_type, object_id, summary)
SELECT key.redeemed_at, '', '', 'keys.redeemed', key.school_id, 'allocation', allocation.id, 'Clé activée.'
FROM pools_allocation AS allocation
JOIN entitlements_activationkey AS key ON key.id = allocation.key_id
WHERE key.redeemed_at IS NOT NULL;

INSERT INTO mailing_message
    (kind, recipient, topic, topic_id, about, context, state, created_at, due_at, attempts, priority, unanswered,
    sent_at, message_id, reason, refusal)
SELECT 'key_reminder', recipient, 'allocation', id, '', '{}', 'delivered', %(begun)s, %(begun)s, 1, 0, 0,
    %(begun)s + %(week)s * (id %% %(weeks)s), '', '', ''
FROM pools_allocation WHERE id %% 2 = 0;

INSERT INTO requests_licencerequest
    (school_id, school_year, product_id, collectivity_id, units, reason, asked_by_id, created_at, outcome, answer)
SELECT key.school_id, extract(YEAR FROM entitlement.last_day), entitlement.product_id, %(office)s, 2, '',
    %(principal)s, %(now)s, '', ''
FROM entitlements_activationkey AS key
JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
WHERE key.entitlement_id = %(entitlement)s AND key.id %% 50 = 1
"""
