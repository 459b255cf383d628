"""Invariant 1 and its neighbours, with real threads and real commits."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from core.exceptions import DomainError
from licensing.entitlements.models import ActivationKey
from licensing.orders import operations as orders
from licensing.pools import key_emails, operations
from licensing.pools.checks import Demand
from licensing.pools.models import Allocation, Pool
from licensing.pools.positions import list_pool_positions
from licensing.pools.reductions import reduce, revoke
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import mark_redeemed
from tests.races import run_concurrently

pytestmark = pytest.mark.slow


@pytest.fixture
def open_pool(committing):
    return partial(orders.grant, collectivity=committing, reason="Course", by=None, at=TERM)


def allocate_units(pool_id, school, units=1):
    return operations.allocate(pool_id=pool_id, uai=school.uai, units=units, recipient=school.email, by=None, at=TERM)


def count_outcomes(results):
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def assert_balanced(pool_id):
    pool = Pool.objects.get(pk=pool_id)
    assert pool.allocated == sum(Allocation.objects.active().filter(pool=pool).values_list("units", flat=True))
    assert all(position.is_balanced for position in list_pool_positions())


def test_thirty_two_ask_for_the_last_licence(committing, open_pool):
    pool = open_pool(licences=5)
    allocate_units(pool.pk, SchoolFactory(), units=4)
    asking = [partial(allocate_units, pool.pk, school) for school in SchoolFactory.create_batch(32)]
    results = run_concurrently(committing.schema_name, asking, expected_errors=DomainError)
    assert count_outcomes(results) == {"done": 1, "pool_exhausted": 31}
    assert_balanced(pool.pk)


@pytest.mark.parametrize("agents", [6, pytest.param(32, marks=pytest.mark.slow)])
def test_one_school_asked_for_by_many_agents_has_one_key(committing, open_pool, agents):
    pool, school = open_pool(licences=100), SchoolFactory()
    results = run_concurrently(
        committing.schema_name, [partial(allocate_units, pool.pk, school)] * agents, expected_errors=DomainError
    )
    assert count_outcomes(results) == {"done": agents}
    assert ActivationKey.objects.get().units == Allocation.objects.get().units == agents
    assert_balanced(pool.pk)


@pytest.mark.small
def test_two_lists_over_the_last_licences(committing, open_pool):
    pool, schools = open_pool(licences=25), SchoolFactory.create_batch(20)

    def give_all(demands):
        return operations.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=TERM)

    # The same schools in opposite orders: a deadlock unless locks are ordered.
    lists = [[Demand(s.uai, 1, s.email) for s in order] for order in (schools, schools[::-1])]
    results = run_concurrently(
        committing.schema_name, [partial(give_all, demands) for demands in lists], expected_errors=DomainError
    )
    assert count_outcomes(results) == {"done": 1, "pool_exhausted": 1}
    assert Pool.objects.get(pk=pool.pk).allocated == 20
    assert_balanced(pool.pk)


@pytest.mark.parametrize("_round", range(4))
def test_grow_reduce_revoke_and_redeem_of_the_same_allocation(committing, open_pool, _round):
    pool, school, principal = open_pool(licences=50), SchoolFactory(), PrincipalFactory()
    first = allocate_units(pool.pk, school, units=2)

    @transaction.atomic
    def type_the_key():
        """Redeem as the portal does: lock the key, then create the subscription."""
        key = ActivationKey.objects.locked().get(pk=first.key_id)
        if key.revoked_at is not None or key.redeemed_at is not None:
            return
        first.units = key.units
        mark_redeemed(first, principal)

    actions: list[Any] = [
        partial(allocate_units, pool.pk, school),
        partial(revoke, allocation_id=first.pk, by=None, at=TERM),
        type_the_key,
        partial(key_emails.resend, allocation_id=first.pk, by=None, at=TERM),
        partial(reduce, pool_id=pool.pk, uai=school.uai, units=1, by=None, at=TERM),
    ] * 4
    run_concurrently(committing.schema_name, actions, expected_errors=DomainError)
    for allocation in Allocation.objects.select_related("key"):
        assert (allocation.revoked_at is None) == (allocation.key.revoked_at is None)
        assert not (allocation.revoked_at and allocation.key.redeemed_at)
        assert allocation.units == allocation.key.units
    assert_balanced(pool.pk)


def test_thirty_two_take_back_the_same_allocation_and_it_returns_once(committing, open_pool):
    pool = open_pool(licences=9)
    kept, taken = allocate_units(pool.pk, SchoolFactory(), units=2), allocate_units(pool.pk, SchoolFactory(), units=3)
    take_back = partial(revoke, allocation_id=taken.pk, by=None, at=TERM)
    results = run_concurrently(committing.schema_name, [take_back] * 32, expected_errors=DomainError)
    assert count_outcomes(results) == {"done": 32}
    assert Pool.objects.get(pk=pool.pk).allocated == kept.units
    assert_balanced(pool.pk)


@pytest.mark.parametrize("_round", range(4))
def test_a_key_redeemed_while_it_is_reduced_is_worth_what_its_allocation_says(committing, open_pool, _round):
    pool, school, principal = open_pool(licences=50), SchoolFactory(), PrincipalFactory()
    first = allocate_units(pool.pk, school, units=8)

    @transaction.atomic
    def type_the_key():
        key = ActivationKey.objects.locked().get(pk=first.key_id)
        first.units = key.units
        mark_redeemed(first, principal)

    reductions = [
        partial(reduce, pool_id=pool.pk, uai=school.uai, units=units, by=None, at=TERM)
        for units in (7, 6, 5, 4, 3, 2, 1)
    ]
    results = run_concurrently(
        committing.schema_name, [*reductions[:3], type_the_key, *reductions[3:]], expected_errors=DomainError
    )
    assert set(count_outcomes(results)) <= {"done", "already_redeemed", "invalid_units"}
    now = Allocation.objects.select_related("key__subscription").get()
    assert now.units == now.key.units == now.key.subscription.size
    assert Pool.objects.get(pk=pool.pk).allocated == now.units
    assert_balanced(pool.pk)
