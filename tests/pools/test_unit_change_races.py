"""Changing one number at once, and while its key is redeemed: real threads and real commits.

Each fails without its lock.
"""

import threading
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from core.connections import connection
from core.exceptions import DomainError
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import ActivationKey, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import checks, key_emails
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations import set_units
from licensing.pools.reductions import reduce, reduce_one
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units
from tests.races import run_concurrently, three_rounds, wait_for_blocked_session
from tests.waits import wait_until


@pytest.fixture
def allocation(committing):
    """Five licences of a school, of a pool of fifty."""
    pool = orders.grant(collectivity=committing, licences=50, reason="Course", by=None, at=TERM)
    return allocate_units(pool, SchoolFactory(), units=5)


def change(allocation, units):
    return set_units(allocation_id=allocation.pk, units=units, expected=5, by=None, at=TERM)


def run(actions):
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def assert_sound():
    found = Allocation.objects.get()
    assert Pool.objects.get().allocated == found.units == ActivationKey.objects.get().units
    for subscription in Subscription.objects.all():
        assert subscription.size == subscription.seats.count() == found.units


@pytest.mark.slow
@three_rounds
def test_of_eight_who_saw_five_one_changes_the_number(allocation, race_round):
    numbers = (1, 2, 3, 4, 6, 7, 8, 9)
    assert run([partial(change, allocation, units) for units in numbers]) == {"done": 1, "units_changed": 7}
    assert Allocation.objects.get().units in numbers
    assert_sound()


@pytest.mark.parametrize("units", [4, 6])
@three_rounds
def test_a_key_that_is_redeemed_meanwhile_counts_what_it_is_worth(allocation, units, race_round):
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=allocation.school)
    code = unseal_key(allocation.key)
    redeem = partial(entitlements.redeem, code=code, by=principal, at=TERM)
    results = run([redeem, partial(change, allocation, units)])
    assert results["done"] == 1 + (units > 5 or results["already_redeemed"] == 0)
    assert_sound()


def run_behind(first, second):
    """Run `second` once `first` has its locks, and end `first` once `second` waits for one of them."""
    locked = threading.Event()

    def lead():
        with transaction.atomic():
            end = first()
            locked.set()
            wait_for_blocked_session()
            end()

    def follow():
        wait_until(locked.is_set)
        second()

    return run([lead, follow])


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fewer", "more", "reduce", "reduce_one"])
def test_who_changes_a_number_locks_the_pool_first(allocation, way):
    """As whoever gives licences does: had it locked the allocation first, each would wait for the other."""
    changes: dict[str, Any] = {
        "fewer": partial(set_units, allocation_id=allocation.pk, units=4, expected=None),
        "more": partial(set_units, allocation_id=allocation.pk, units=9, expected=None),
        "reduce": partial(reduce, pool_id=allocation.pool_id, uai=allocation.school_id, units=4),
        "reduce_one": partial(reduce_one, allocation_id=allocation.pk, units=4),
    }

    def lock_pool():
        pool = checks.lock_pool(allocation.pool_id)
        return partial(allocate_units, pool, allocation.school, units=1)

    assert run_behind(lock_pool, partial(changes[way], by=None, at=TERM)) == {"done": 2}
    assert Allocation.objects.get().units == (9 if way == "more" else 4)
    assert_sound()


@pytest.mark.slow
def test_an_address_that_is_corrected_while_licences_are_added_stays(allocation):
    """Whoever corrects it locks the allocation, and no pool."""

    def correct_address():
        key_emails.resend(allocation_id=allocation.pk, recipient="direction@ecole.test", by=None, at=TERM)
        return lambda: None

    assert run_behind(correct_address, partial(change, allocation, 6)) == {"done": 2}
    assert Allocation.objects.get().recipient == "direction@ecole.test"
    assert_sound()
