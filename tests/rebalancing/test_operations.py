"""Moves inside one lot: proposed, applied as a whole, told an hour later, undone as a whole."""

import datetime

import pytest
from django_tenants.utils import tenant_context

from collectivities.models import AuditEntry
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Entitlement, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.plans.rebalancing import operations
from licensing.plans.rebalancing.models import UNDOABLE_FOR, LicenceMove, Rebalancing
from licensing.plans.rebalancing.operations import PlanOutdated
from licensing.pools import reductions
from licensing.requests.returns.models import ReturnRequest
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units
from tests.rebalancing.unbalanced_pool import LATER, UnbalancedPool
from tests.refusals import refuses
from tests.sites.audit.violations import list_all_violations

pytestmark = pytest.mark.slow

SOON = LATER + UNDOABLE_FOR - datetime.timedelta(seconds=1)


@pytest.fixture
def lot(nimes):
    return UnbalancedPool(nimes)


def assert_sound():
    assert not list_all_violations()


def list_letters(since=LATER):
    """Return kind, address and delay of the letters about keys that wait, written since."""
    found = Message.objects.filter(created_at__gte=since, state="queued").order_by("pk")
    return [(letter.kind, letter.topic_id, letter.due_at - letter.created_at) for letter in found]


def test_the_proposal_takes_of_the_sleeping_and_gives_to_the_full(lot):
    PortfolioSchoolFactory(school=lot.jaures.school, classes=6)
    plan = lot.propose()
    assert [(one.allocation.pk, one.taken) for one in plan.sources] == [(lot.zola.pk, 4)]
    assert [(one.need.uai, one.given) for one in plan.needs] == [(lot.jaures.school.pk, 4)]
    assert [(one.allocation.pk, one.unused, one.asked) for one in plan.demands] == [(lot.curie.allocation.pk, 4, False)]
    assert not plan.is_refused


@pytest.mark.small
def test_free_licences_are_given_first_and_no_school_is_left_without(nimes):
    lot = UnbalancedPool(nimes, licences=17)
    [source] = lot.propose().sources
    assert source.taken == 0
    PortfolioSchoolFactory(school=lot.jaures.school, classes=60)
    plan = lot.propose()
    assert (plan.sources[0].taken, plan.given, plan.is_refused) == (9, 10, False)


def test_a_key_that_waits_less_than_a_month_is_left_alone(lot):
    assert not lot.propose(at=TERM + datetime.timedelta(days=29)).sources


def test_keys_of_the_next_year_do_not_sleep_before_it_has_run_a_month(lot):
    begins = LATER.date() - datetime.timedelta(days=29)
    Entitlement.objects.filter(pk=lot.pool.entitlement_id).update(first_day=begins)
    assert not lot.propose().sources
    Entitlement.objects.filter(pk=lot.pool.entitlement_id).update(first_day=begins - datetime.timedelta(days=1))
    assert lot.propose().sources


def test_moves_are_applied_and_journalled_as_one(lot):
    made = lot.rebalance()
    assert lot.units() == (0, 7, 5, 4)
    assert {(move.before, move.after) for move in made.moves.all()} == {(10, 7), (2, 5)}
    assert (made.from_free, LicenceMove.objects.count()) == (0, 2)
    assert AuditEntry.objects.filter(action="pools.rebalanced").count() == 1
    assert_sound()


def test_the_journal_counts_the_schools_that_take_part(nimes):
    lot = UnbalancedPool(nimes, licences=18)
    allocate_units(lot.pool, SchoolFactory(), units=2, at=TERM)
    lot.ask()
    plan = lot.plan({lot.zola.pk: 3}, {lot.jaures.school.pk: 3})
    assert (len(plan.sources), len(plan.needs)) == (2, 2)
    lot.rebalance()
    assert AuditEntry.objects.get(action="pools.rebalanced").summary.replace("\xa0", " ") == (
        "Rééquilibrage du lot « Lot A » : 3 licences reprises à 1 école, 3 données à 1 école."
    )


def test_each_school_gets_one_letter_an_hour_later(lot):
    lot.rebalance()
    assert list_letters() == [
        ("key_reduced", lot.zola.pk, UNDOABLE_FOR),
        ("key", lot.jaures.allocation.pk, UNDOABLE_FOR),
    ]


def test_all_of_a_key_may_be_taken_and_some_stay_free(lot):
    made = lot.rebalance({lot.zola.pk: 10}, {lot.jaures.school.pk: 4})
    assert (lot.units(), made.from_free) == ((6, None, 6, 4), -6)
    assert_sound()
    lot.undo(made, SOON)
    assert lot.units() == (0, 10, 2, 4)
    assert_sound()


def test_what_is_redeemed_and_unused_is_asked_for_and_never_taken(lot):
    assert lot.rebalance({}, {}, [lot.curie.allocation.pk]) is None
    assert ReturnRequest.objects.get().units == 4
    assert lot.units() == (0, 10, 2, 4)
    assert not lot.propose().demands
    with refuses("plan_refused"):
        lot.rebalance({lot.curie.allocation.pk: 1}, {})


@pytest.mark.parametrize(("taken", "given"), [(11, 0), (2, 3), (0, 1), (0, 10**6), (0, 0)])
def test_a_plan_that_does_not_add_up_changes_nothing(taken, given, lot):
    with refuses("plan_refused"):
        lot.rebalance({lot.zola.pk: taken}, {lot.jaures.school.pk: given})
    assert lot.units() == (0, 10, 2, 4)
    assert not Rebalancing.objects.exists()


def test_what_changed_since_it_was_shown_is_shown_again(lot):
    shown = lot.plan({lot.zola.pk: 3}, {lot.jaures.school.pk: 3}).fingerprint
    reductions.reduce_one(allocation_id=lot.zola.pk, units=9, by=None, at=LATER)
    with pytest.raises(PlanOutdated):
        lot.rebalance(expected=shown)
    assert lot.units() == (1, 9, 2, 4)


def test_a_key_redeemed_since_it_was_shown_keeps_its_licences(lot):
    shown = lot.plan({lot.zola.pk: 3}, {lot.jaures.school.pk: 3}).fingerprint
    redeem(lot.zola)
    with pytest.raises(PlanOutdated):
        lot.rebalance(expected=shown)
    assert lot.units() == (0, 10, 2, 4)


def redeem(allocation):
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=allocation.school)
    return entitlements.redeem(code=unseal_key(allocation.key), by=principal, at=LATER)


def test_a_suspended_lot_is_not_rebalanced(lot):
    Entitlement.objects.update(suspended_at=TERM, suspension_cause="operator")
    with refuses("pool_suspended"):
        lot.rebalance()


def test_within_the_hour_all_is_undone_and_no_letter_leaves(lot):
    made = lot.rebalance()
    lot.undo(made, SOON)
    assert lot.units() == (0, 10, 2, 4)
    assert list_letters() == []
    lot.undo(made, SOON)  # a second click
    assert lot.units() == (0, 10, 2, 4)
    assert_sound()


def test_a_key_redeemed_within_the_hour_has_its_licences_again(lot):
    made = lot.rebalance()
    redeem(lot.zola)
    lot.undo(made, SOON)
    assert lot.units() == (0, 10, 2, 4)
    assert Subscription.objects.get(key=lot.zola.key_id).size == 10
    assert_sound()


def test_after_an_hour_nothing_is_undone(lot):
    made = lot.rebalance()
    with refuses("rebalancing_not_undoable", match="une heure"):
        lot.undo(made, LATER + UNDOABLE_FOR)


def test_licences_that_teachers_have_by_now_are_not_taken_again(lot):
    made = lot.rebalance()
    lot.jaures.assign(at=LATER)
    with refuses("rebalancing_not_undoable", match="à des enseignants"):
        lot.undo(made, SOON)
    assert lot.units() == (0, 7, 5, 4)
    assert_sound()


def test_licences_that_were_given_elsewhere_by_now_do_not_come_back(lot):
    made = lot.rebalance({lot.zola.pk: 10}, {})
    allocate_units(lot.pool, SchoolFactory(), units=1, at=LATER)
    with refuses("rebalancing_not_undoable", match="depuis donné"):
        lot.undo(made, SOON)
    assert_sound()


def test_a_number_that_changed_since_is_kept(lot):
    made = lot.rebalance()
    reductions.reduce_one(allocation_id=lot.zola.pk, units=6, by=None, at=LATER)
    with refuses("rebalancing_not_undoable", match="a changé depuis"):
        lot.undo(made, SOON)


def test_nothing_of_another_collectivity_is_undone(lot, gard):
    made = lot.rebalance()
    with tenant_context(gard), refuses("unknown_rebalancing"):
        operations.undo_rebalancing(rebalancing_id=made.pk, by=None, at=SOON)


def test_a_plan_takes_as_many_queries_whatever_the_lot_has(nimes, django_assert_num_queries):
    lot = UnbalancedPool(nimes, licences=100)
    with django_assert_num_queries(12):
        lot.propose()
    for _ in range(5):
        allocate_units(lot.pool, SchoolFactory(), units=2)
    with django_assert_num_queries(12):
        lot.propose()
