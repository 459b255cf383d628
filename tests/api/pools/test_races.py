"""Concurrent requests for more than a pool holds, with real threads and commits."""

from collections import Counter
from functools import partial

import pytest
from django.utils import timezone

from licensing.entitlements.models import ActivationKey
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from licensing.pools.positions import list_pool_positions
from mailing.models import Message
from tests.api.client import ApiClient, assert_problem, create_client
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(committing):
    """Opens a pool of `licences`."""

    def open_pool(licences):
        return orders.grant(collectivity=committing, licences=licences, reason="Course", by=None, at=timezone.now())

    return open_pool


def assert_sound(pool, given):
    assert Pool.objects.get(pk=pool.pk).allocated == given
    assert sum(Allocation.objects.values_list("units", flat=True)) == given
    assert sum(ActivationKey.objects.values_list("units", flat=True)) == given
    assert Message.objects.count() == Allocation.objects.count()
    assert all(position.is_balanced for position in list_pool_positions())


@pytest.mark.parametrize("schools", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_concurrent_allocations_never_exceed_the_pool(committing, opened, schools):
    pool, asking = opened(schools), create_client()
    asked = [
        partial(
            ApiClient(asking.secret).post, "/allocations", {"pool": pool.pk, "school": school.uai, "units": 2}, key=True
        )
        for school in SchoolFactory.create_batch(schools)
    ]
    answers = run_concurrently(committing.schema_name, asked, expected_errors=())
    assert Counter(answer.status_code for answer in answers) == {201: schools // 2, 409: schools // 2}
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "pool_exhausted")
    assert_sound(pool, schools)


def test_concurrent_bulk_allocations_never_exceed_the_pool(committing, opened):
    """Ten lists of six rows over the same schools in different orders: no deadlock."""
    pool, asking = opened(60), create_client()
    schools = SchoolFactory.create_batch(6)
    asked = [
        partial(
            ApiClient(asking.secret).post,
            "/allocations/bulk",
            {
                "pool": pool.pk,
                "mode": "best_effort",
                "allocations": [{"school": schools[(place + turn) % 6].uai, "units": 2} for place in range(6)],
            },
            key=True,
        )
        for turn in range(10)
    ]
    answers = run_concurrently(committing.schema_name, asked, expected_errors=())
    assert Counter(answer.status_code for answer in answers) == {200: 10}
    assert sum(answer.json()["units"] for answer in answers) == 60
    codes = Counter(result["code"] for answer in answers for result in answer.json()["results"])
    assert codes == {None: 30, "pool_exhausted": 30}
    assert Pool.objects.get(pk=pool.pk).allocated == sum(Allocation.objects.values_list("units", flat=True)) == 60
    assert all(position.is_balanced for position in list_pool_positions())


def test_concurrent_all_or_nothing_lists_are_applied_fully_or_not_at_all(committing, opened):
    pool, asking = opened(25), create_client()
    lists = [[{"school": school.uai, "units": 1} for school in SchoolFactory.create_batch(10)] for _ in range(5)]
    asked = [
        partial(
            ApiClient(asking.secret).post,
            "/allocations/bulk",
            {"pool": pool.pk, "mode": "all_or_nothing", "allocations": rows},
        )
        for rows in lists
    ]
    answers = run_concurrently(committing.schema_name, asked, expected_errors=())
    assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 3}
    assert_sound(pool, 20)


def test_revoking_growing_reducing_and_resending_the_same_allocation_at_once(committing, opened):
    pool, asking, school = opened(50), create_client(), SchoolFactory()
    body = {"pool": pool.pk, "school": school.uai, "units": 2}
    number = asking.post("/allocations", body).json()["id"]
    acts = [
        ("/allocations", body),
        (f"/allocations/{number}/revoke", {}),
        (f"/allocations/{number}/reduce", {"units": 1}),
        (f"/allocations/{number}/resend", {}),
        ("/allocations/revoke", {"allocations": [number]}),
    ] * 4
    asked = [partial(ApiClient(asking.secret).post, path, sent, key=True) for path, sent in acts]
    answers = run_concurrently(committing.schema_name, asked, expected_errors=())
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    active = Allocation.objects.active()
    assert Pool.objects.get(pk=pool.pk).allocated == sum(active.values_list("units", flat=True))
    for allocation in Allocation.objects.select_related("key"):
        assert (allocation.revoked_at is None) == (allocation.key.revoked_at is None)
        assert allocation.units == allocation.key.units
