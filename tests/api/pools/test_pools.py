"""`/pools`: licences by state."""

import datetime

import pytest
from django.utils import timezone

from licensing.entitlements.models import Entitlement, SeatMode
from licensing.orders import operations as orders
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed


def test_the_licences_of_a_pool_add_up(api, pool):
    now = timezone.now()
    allocate_units(pool, SchoolFactory(), units=7, at=now)
    redeemed = mark_redeemed(allocate_units(pool, SchoolFactory(), units=5, at=now), PrincipalFactory())
    for seat in redeemed.seats.filter(number__lte=2):
        seat.holder, seat.held_since, seat.mode = UserFactory(), now, SeatMode.AUTOMATIC
        seat.save()
    copy_everywhere()
    [payload] = api.get("/pools").json()["data"]
    assert payload == api.get(f"/pools/{pool.pk}").json()
    assert (payload["bought"], payload["free"], payload["issued"], payload["redeemed_free"], payload["held"]) == (
        100,
        88,
        7,
        3,
        2,
    )
    assert payload["bought"] == payload["free"] + payload["issued"] + payload["redeemed_free"] + payload["held"]
    assert (payload["id"], payload["name"], payload["schools"], payload["redeemed_schools"]) == (pool.pk, "Lot A", 2, 1)
    assert payload["opened_at"].endswith("Z")
    assert payload["last_day"] == pool.entitlement.last_day.isoformat()


@pytest.mark.parametrize(
    ("status", "provisional_in", "unpaid_in"),
    [
        ("firm", None, None),
        ("provisional", 3, None),
        ("lapsed", -1, None),
        ("unpaid", None, 3),
        ("overdue", None, -1),
    ],
)
def test_a_pool_returns_its_entitlement_status(api, pool, status, provisional_in, unpaid_in):
    def day(shift):
        return None if shift is None else timezone.localdate() + datetime.timedelta(days=shift)

    Entitlement.objects.filter(pk=pool.entitlement_id).update(
        provisional_until=day(provisional_in), unpaid_until=day(unpaid_in)
    )
    payload = api.get(f"/pools/{pool.pk}").json()
    assert payload["status"] == status
    assert payload["provisional_until"] == (day(provisional_in) and day(provisional_in).isoformat())
    assert payload["unpaid_until"] == (day(unpaid_in) and day(unpaid_in).isoformat())


def test_a_suspended_pool_says_so(api, pool):
    Entitlement.objects.filter(pk=pool.entitlement_id).update(suspended_at=timezone.now())
    assert api.get(f"/pools/{pool.pk}").json()["status"] == "suspended"


def test_pools_follow_each_other_by_cursor(api, nimes):
    now = timezone.now()
    opened = [orders.grant(collectivity=nimes, licences=5, reason="Essai", by=None, at=now).pk for _ in range(3)]
    first = api.get("/pools?limit=2").json()
    second = api.get(first["next"].partition("/api/v1")[2]).json()
    assert [pool["id"] for pool in first["data"] + second["data"]] == opened[::-1]
    assert second["next"] is None


@pytest.mark.slow
def test_reading_pools_costs_as_many_queries_whatever_their_number(api, nimes, django_assert_num_queries):
    now = timezone.now()
    api.get("/pools")
    for _ in range(2):
        for _ in range(2):
            orders.grant(collectivity=nimes, licences=5, reason="Essai", by=None, at=now)
        # The host, the schema, the token, its limit and its last use; the page, its positions.
        with django_assert_num_queries(9):
            api.get("/pools")
