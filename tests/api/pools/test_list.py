"""`GET /allocations`: states, filters, pagination."""

import datetime
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.entitlements.models import ActivationKey, Entitlement, SeatMode
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import reductions
from tests.api.client import assert_problem
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent

pytestmark = pytest.mark.slow


@pytest.fixture
def now():
    return timezone.now()


def list_ids(api, **narrowed):
    answer = api.get(f"/allocations?{urlencode(narrowed, doseq=True)}")
    assert answer.status_code == 200, answer.content.decode()
    return [allocation["id"] for allocation in answer.json()["data"]]


def test_an_allocation_returns_its_state_and_never_its_key(api, pool, now):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=4, at=now)
    mark_sent()
    seats = mark_redeemed(allocation, PrincipalFactory(last_name="Principale")).seats
    seats.filter(number=1).update(holder=UserFactory(last_name="Enseignante"), held_since=now, mode=SeatMode.AUTOMATIC)
    copy_everywhere()
    answer = api.get(f"/allocations/{allocation.pk}")
    payload = answer.json()
    assert payload == {
        "id": allocation.pk,
        "pool": pool.pk,
        "school": school.uai,
        "units": 4,
        "recipient": school.email,
        "state": "redeemed",
        "situation": "redeemed",
        "held": 1,
        "message_state": "sent",
        "created_at": now.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z"),
        "redeemed_at": payload["redeemed_at"],
        "revoked_at": None,
        "import": None,
    }
    assert payload["redeemed_at"].endswith("Z")
    [listed_one] = api.get("/allocations").json()["data"]
    assert listed_one == payload
    key = unseal_key(ActivationKey.objects.get())
    for secret in (key, key[-6:], "Principale", "Enseignante"):
        assert secret not in answer.content.decode()


def test_an_unknown_allocation_is_a_404(api, pool):
    for number in ("1", "0", str(2**31), str(2**63), "9" * 40, "9" * 5000, "-1", "x"):
        assert_problem(api.get(f"/allocations/{number}"), 404, "not_found")


def test_allocations_filtered_by_state(api, pool, now):
    issued, redeemed, revoked = (allocate_units(pool, SchoolFactory(), at=now) for _ in range(3))
    mark_redeemed(redeemed, PrincipalFactory())
    reductions.revoke(allocation_id=revoked.pk, by=None, at=now)
    assert list_ids(api) == [revoked.pk, redeemed.pk, issued.pk]
    assert list_ids(api, state="issued") == [issued.pk]
    assert list_ids(api, state="revoked") == [revoked.pk]
    assert list_ids(api, state=["redeemed", "revoked"]) == [revoked.pk, redeemed.pk]
    Entitlement.objects.update(suspended_at=now)
    assert list_ids(api, state="suspended") == [redeemed.pk, issued.pk]
    assert list_ids(api, state=["expired", "cancelled"]) == []


def test_allocations_filtered_by_school_pool_and_import(api, nimes, pool, now):
    other = orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=now)
    school = SchoolFactory()
    here, there = allocate_units(pool, school, at=now), allocate_units(other, school, at=now, import_id=7)
    elsewhere = allocate_units(pool, SchoolFactory(), at=now)
    assert list_ids(api, school=school.uai) == [there.pk, here.pk]
    assert list_ids(api, school=school.uai.lower()) == [there.pk, here.pk]
    assert list_ids(api, pool=pool.pk) == [elsewhere.pk, here.pk]
    assert list_ids(api, **{"import": 7}) == [there.pk]
    assert list_ids(api, **{"import": 8}) == list_ids(api, pool=other.pk + 9) == list_ids(api, school="rien") == []
    [payload] = api.get("/allocations?import=7").json()["data"]
    assert payload["import"] == 7


def test_allocations_made_between_two_moments(api, pool, now):
    moments = [now - datetime.timedelta(hours=hours) for hours in (3, 2, 1)]
    first, second, third = (allocate_units(pool, SchoolFactory(), at=moment) for moment in moments)
    after, before = moments[1].isoformat(), moments[2].isoformat()
    assert list_ids(api, created_after=after) == [third.pk, second.pk]
    assert list_ids(api, created_before=before) == [second.pk, first.pk]
    assert list_ids(api, created_after=after, created_before=before) == [second.pk]
    # A UTC offset that PostgreSQL refuses.
    assert list_ids(api, created_before="1990-09-24T08:12:04+16:15") == []


@pytest.mark.small
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("state", "gone"),
        ("pool", "x"),
        ("pool", "9" * 30),
        ("import", "1.5"),
        ("import", "9" * 5000),
        ("created_after", "hier"),
        ("created_after", "2026-11-25T09:00:00"),
        ("created_after", "0001-01-01T00:00:00+14:00"),
        ("created_before", "2026-13-01T00:00:00Z"),
        ("school", "\x00"),
        ("schol", "0300123K"),
        ("state", ""),
        ("pool", ""),
    ],
)
def test_an_invalid_filter_is_refused_by_name(api, pool, name, wrong):
    result = assert_problem(api.get(f"/allocations?{urlencode({name: wrong})}"), 400, "invalid_request")
    assert {fault["field"] for fault in result["errors"]} == {name}


def test_pages_follow_each_other_while_allocations_come(api, pool, now):
    given = [allocate_units(pool, SchoolFactory(), at=now).pk for _ in range(5)]
    first = api.get("/allocations?limit=2&state=issued").json()
    allocate_units(pool, SchoolFactory(), at=now)
    seen, address = [allocation["id"] for allocation in first["data"]], first["next"]
    while address is not None:
        page = api.get(address.partition("/api/v1")[2]).json()
        seen += [allocation["id"] for allocation in page["data"]]
        address = page["next"]
    assert seen == given[::-1]


def test_reading_allocations_costs_as_many_queries_whatever_their_number(api, pool, now, django_assert_num_queries):
    api.get("/allocations")
    for _ in range(2):
        for _ in range(3):
            mark_redeemed(allocate_units(pool, SchoolFactory(), at=now), PrincipalFactory())
        # The host, the schema, the token, its limit and its last use; the page.
        with django_assert_num_queries(9):
            assert api.get("/allocations?state=redeemed&limit=500").status_code == 200


def test_a_page_does_not_load_sealed_codes(api, pool, now):
    allocate_units(pool, SchoolFactory(), at=now)
    with CaptureQueriesContext(connection) as asked:
        api.get("/allocations")
    assert not [query for query in asked.captured_queries if "sealed_code" in query["sql"]]
