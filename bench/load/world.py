"""What is there before the load: two offices, their schools, and keys with the principals who enter them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from bench.office_data import create_person, create_schools, create_token, open_office, sign_in
from collectivities.capabilities import Role
from collectivities.models import Member
from collectivities.operations.portfolio import add_to_portfolio
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.checks import Demand
from tenants.models import Collectivity

#: Rows of the large import; of each of two at once, over 200 kB, so that both go to the lane of large ones.
ROWS, ROWS_OF_TWO = 100_000, 20_000
#: Schools of the list page, and keys that are redeemed in turn.
PORTFOLIO, KEYS = 2_000, 400
UNITS = 2
SLUG = "nimes"


@dataclass(frozen=True, slots=True)
class LoadedOffice:
    """An office that imports: its API token and the pool it gives from."""

    collectivity: Collectivity
    token: str
    pool: int


@dataclass(frozen=True, slots=True)
class LoadWorld:
    """What the pages show and the imports name."""

    office: LoadedOffice
    neighbour: LoadedOffice
    #: Schools without an allocation.
    schools: Sequence[str]
    manager: dict[str, str]
    principal: dict[str, str]
    #: Keys that nobody redeemed, with the session of a principal of their school.
    keys: deque[tuple[str, dict[str, str]]]


def create_load_world() -> LoadWorld:
    """Create everything."""
    created = [school.uai for school in create_schools(ROWS + ROWS_OF_TWO + KEYS)]
    schools, with_keys = created[:-KEYS], created[-KEYS:]
    office, neighbour = _open(SLUG, siren="213001894"), _open("ales", siren="213000078")
    keys = _create_keys(office.collectivity, with_keys)
    host = f"{SLUG}.{settings.BASE_DOMAIN}"
    now = timezone.now()
    manager = User.objects.create(username="chef", first_name="Claude", last_name="Durand", email="chef@nimes.example")
    with tenant_context(office.collectivity):
        Member.objects.create(user=manager, roles=[Role.MANAGER], joined_at=now)
        add_to_portfolio(uais=schools[:PORTFOLIO], by=None, at=now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    _, principal = keys.popleft()
    return LoadWorld(office, neighbour, schools, sign_in(manager, host), principal, keys)


def _open(slug: str, *, siren: str) -> LoadedOffice:
    collectivity = open_office(name=f"Ville de {slug.title()}", slug=slug, siren=siren)
    pool = orders.grant(
        collectivity=collectivity, licences=UNITS * (ROWS + ROWS_OF_TWO), reason="Mesure", by=None, at=timezone.now()
    )
    with tenant_context(collectivity):
        return LoadedOffice(collectivity, create_token(), pool.pk)


def _create_keys(office: Collectivity, schools: Sequence[str]) -> deque[tuple[str, dict[str, str]]]:
    """Give a key to each school, from a pool of their own, and sign its principal in at the portal."""
    now = timezone.now()
    pool = orders.grant(collectivity=office, licences=UNITS * len(schools), reason="Mesure", by=None, at=now)
    with tenant_context(office):
        demands = [Demand(uai, UNITS, f"ce.{uai.lower()}@ac-exemple.example") for uai in schools]
        pools.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=now)
        allocations = pool.allocations.select_related("key").order_by("pk")
        given = [(str(allocation.school_id), unseal_key(allocation.key)) for allocation in allocations]
    return deque(
        (code, sign_in(create_person(f"direction.{uai.lower()}", Profile.PRINCIPAL, uai), settings.BASE_DOMAIN))
        for uai, code in given
    )
