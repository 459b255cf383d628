"""What the pages of an office read does not grow with its schools: neither statements nor rows, and never its keys."""

import re

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from core.connections import connection
from licensing.entitlements.queries import get_school_year
from licensing.orders import operations as orders
from licensing.pools.checks import Demand
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate_many
from licensing.requests.school_requests.models import LicenceRequest
from schools.models import School
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import mark_redeemed, mark_sent

pytestmark = pytest.mark.slow

NOW = timezone.now()
#: Rows of the longest page: those of « Attributions » and of a state of the map.
MAX_ROWS = 100
REQUESTS_OF_A_PAGE = 50
KEYS = re.compile(r"\bentitlements_(activationkey|subscription|seat|seatevent)\b")
PATHS = [
    "/",
    "/carte/",
    "/carte/etat/issued/",
    "/ecoles/",
    "/ecoles/?text=ecole",
    "/ecoles/?sort=-used",
    "/ecoles/?licences=dormant&sort=sent_at",
    "/rapport/",
    "/lots/",
    "/demandes/",
    "/distribuer/",
    "/attributions/",
]


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=500, reason="Essai", name="Lot A", by=None, at=NOW)


@pytest.fixture
def manager(nimes, office):
    return office("nimes", MemberFactory(roles=list(Role.values)).user)


def serve(pool, count):
    """Give licences to as many schools more; one redeems its key."""
    schools = [SchoolFactory(name=f"Ecole {number}", latitude=43.8, longitude=4.3) for number in range(count)]
    for school in schools:
        PortfolioSchoolFactory(school=school)
    demands = [Demand(school.uai, 2, school.email) for school in schools]
    allocate_many(pool_id=pool.pk, demands=demands, by=None, at=NOW)
    mark_redeemed(Allocation.objects.get(school=schools[0]), PrincipalFactory())
    mark_sent()
    copy_everywhere()


def list_reads(client, path):
    """Return the statements of a page, each with how many rows it returned."""
    reads = []

    def note(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        reads.append((str(sql), context["cursor"].rowcount))
        return result

    assert client.get(path).status_code == 200
    with connection.execute_wrapper(note):
        client.get(path)
    return reads


@pytest.mark.parametrize("path", PATHS)
def test_a_page_reads_as_much_of_many_schools_as_of_few(pool, manager, path):
    serve(pool, 3)
    few = len(list_reads(manager, path))
    serve(pool, MAX_ROWS + 20)
    many = list_reads(manager, path)
    assert len(many) <= few
    assert {sql: rows for sql, rows in many if rows > MAX_ROWS} == {}


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ("/rapport/", "/attributions/")])
def test_a_page_reads_no_key(pool, manager, path):
    serve(pool, 3)
    assert [sql for sql, _ in list_reads(manager, path) if KEYS.search(sql)] == []


def test_the_list_of_allocations_reads_the_keys_of_its_page(pool, manager):
    serve(pool, MAX_ROWS + 20)
    read = [rows for sql, rows in list_reads(manager, "/attributions/") if KEYS.search(sql)]
    assert read
    assert max(read) <= MAX_ROWS


def let_all_ask(pool):
    """Let every school ask for licences."""
    year, principal = get_school_year(pool.entitlement.last_day), PrincipalFactory()
    for school in School.objects.all():
        LicenceRequest.objects.create(
            school=school,
            collectivity_id=connection.tenant.pk,
            school_year=year,
            product=pool.entitlement.product,
            units=3,
            asked_by=principal,
            created_at=NOW,
        )


def test_the_list_of_requests_reads_those_of_its_page(pool, manager):
    serve(pool, MAX_ROWS + 20)
    let_all_ask(pool)
    reads = list_reads(manager, "/demandes/")
    assert max(rows for _, rows in reads) == REQUESTS_OF_A_PAGE


def test_the_page_of_the_ways_to_give_reads_no_school_that_asks(pool, manager):
    serve(pool, MAX_ROWS + 20)
    let_all_ask(pool)
    assert max(rows for _, rows in list_reads(manager, "/distribuer/")) < MAX_ROWS
