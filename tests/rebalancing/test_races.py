"""A rebalancing while keys are redeemed, and beside another: real threads and real commits.

Each fails without its lock.
"""

from collections import Counter
from functools import partial

import pytest

from core.connections import connection
from core.exceptions import DomainError
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import unseal_key
from licensing.plans.rebalancing.models import Rebalancing
from licensing.pools import key_emails
from licensing.pools.models import Allocation, Pool
from licensing.pools.positions import list_pool_positions
from licensing.reminders import operations as reminders
from licensing.reminders.models import Reminder
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units, mark_sent
from tests.races import run_concurrently, three_rounds
from tests.rebalancing.unbalanced_pool import LATER, UnbalancedPool
from tests.requests.asking_school import AskingSchool
from tests.returns.given_school import GivenSchool
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled
from tests.waits import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def lot(committing):
    return UnbalancedPool(committing)


def run(actions):
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def assert_sound():
    assert all(position.is_balanced for position in list_pool_positions())
    assert not list_all_violations()


@pytest.mark.parametrize("taken", sampled([3, 10], fast=1))
@three_rounds
def test_a_key_is_redeemed_for_what_it_is_worth_or_its_licences_are_moved(lot, taken, race_round):
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=lot.zola.school)
    numbers = {lot.zola.pk: taken}, {lot.jaures.school.pk: 2}
    shown = lot.plan(*numbers).fingerprint
    redeem = partial(entitlements.redeem, code=unseal_key(lot.zola.key), by=principal, at=LATER)
    run([partial(lot.rebalance, *numbers, expected=shown), redeem])
    key = ActivationKey.objects.get(pk=lot.zola.key_id)
    if key.redeemed_at is not None:
        assert key.subscription.size == key.units
    assert (key.revoked_at is not None) == (taken == 10 and Rebalancing.objects.exists())
    assert_sound()


@three_rounds
def test_of_eight_rebalancings_that_saw_the_same_one_is_applied(lot, race_round):
    numbers = {lot.zola.pk: 3}, {lot.jaures.school.pk: 3}
    shown = lot.plan(*numbers).fingerprint
    results = run([partial(lot.rebalance, *numbers, expected=shown)] * 8)
    assert results == {"done": 1, "plan_outdated": 7}
    assert lot.units() == (0, 7, 5, 4)
    assert_sound()


def test_sixteen_undo_one_rebalancing_once(lot):
    made = lot.rebalance()
    Pool.objects.update(capacity=100)  # the CHECK would refuse the second
    assert run([partial(lot.undo, made)] * 16) == {"done": 16}
    assert lot.units()[1:] == (10, 2, 4)


@three_rounds
def test_the_same_free_licences_are_given_by_one_of_two_rebalancings(committing, race_round):
    lot = UnbalancedPool(committing, licences=22)
    zola = GivenSchool(connection.tenant, pool=lot.pool, units=3)
    for _ in range(3):
        zola.assign()
    ways = [{lot.jaures.school.pk: 3}, {zola.school.pk: 3}]
    shown = [lot.plan((), given).fingerprint for given in ways]
    rebalancings = [partial(lot.rebalance, {}, given, expected=one) for given, one in zip(ways, shown, strict=True)]
    assert run(rebalancings) == {"done": 1, "plan_outdated": 1}
    assert Pool.objects.get().free == 0
    assert_sound()


def test_who_reminds_while_licences_move_meets_no_deadlock(committing, giving_slowly):
    """What is taken has the higher number: had it alone been locked first, each would wait for the other."""
    lot = UnbalancedPool(committing, licences=20)
    late = allocate_units(lot.pool, SchoolFactory(), units=4)

    def remind():
        wait_until(giving_slowly.is_set)
        key_emails.remind_many(allocation_ids=[lot.jaures.allocation.pk, late.pk], by=None, at=LATER)

    assert run([partial(lot.rebalance, {late.pk: 2}, {lot.jaures.school.pk: 2}), remind]) == {"done": 2}
    assert lot.units()[2] == 4
    assert_sound()


def test_reminders_that_leave_while_licences_move_meet_no_deadlock(committing, giving_slowly):
    """As above, of the worker that sends what is due: to the school that is given more, and to that which gives."""
    lot = UnbalancedPool(committing, licences=21)
    asking = AskingSchool()
    first = allocate_units(lot.pool, asking.school, units=1)
    late = allocate_units(lot.pool, SchoolFactory(), units=4)
    mark_sent()
    asking.ask(units=2)
    reminders.plan_and_schedule(at=LATER)
    planned = Reminder.objects.planned().filter(allocation__in=[first.pk, late.pk])
    assert planned.update(planned_for=LATER.date()) == 2

    def send():
        wait_until(giving_slowly.is_set)
        return reminders.send_due(at=LATER)

    assert run([partial(lot.rebalance, {late.pk: 2}, {asking.school.pk: 2}), send]) == {"done": 2}
    assert Allocation.objects.get(pk=first.pk).units == 3
    assert not list_all_violations()
