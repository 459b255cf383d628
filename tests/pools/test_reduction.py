"""Reducing an allocation."""

import datetime

import pytest

from collectivities.models import AuditEntry
from licensing.orders import operations as orders
from licensing.pools.models import REDUCED_IN_BULK, Allocation, Pool
from licensing.pools.reductions import Reduction, reduce, reduce_many
from mailing import kinds
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.refusals import refuses

LATER = TERM + datetime.timedelta(days=20)


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=TERM)


@pytest.fixture
def allocation(pool):
    return allocate_units(pool, SchoolFactory(name="Ecole Jean Jaurès"), units=5)


def reduce_units(allocation, units, **changes):
    kwargs = {"by": None, "at": LATER, **changes}
    return reduce(pool_id=allocation.pool_id, uai=allocation.school_id, units=units, **kwargs)


def test_the_difference_returns_to_the_pool_and_the_key_is_worth_less(allocation):
    agent = UserFactory()
    lowered = reduce_units(allocation, 3, by=agent)
    assert (lowered.pk, lowered.units, lowered.key_id, lowered.key.units) == (allocation.pk, 3, allocation.key_id, 3)
    assert Pool.objects.get().allocated == 3
    entry = AuditEntry.objects.get(action="pools.reduced")
    assert (entry.school_id, entry.object_id, entry.actor_id) == (allocation.school_id, allocation.pk, agent.pk)
    assert entry.summary == (
        "2\u00a0licences retirées à École Jean Jaurès et rendues au lot « Lot A » (désormais 3, même clé)."
    )


def test_the_same_number_changes_nothing(allocation):
    assert reduce_units(allocation, 5).units == 5
    assert not AuditEntry.objects.filter(action="pools.reduced").exists()
    mark_redeemed(allocation, PrincipalFactory())
    assert reduce_units(allocation, 5).units == 5


@pytest.mark.parametrize(("units", "code"), [(0, "invalid_units"), (-1, "invalid_units"), (6, "invalid_units")])
def test_less_than_one_and_more_than_there_is_are_refused(allocation, units, code):
    with refuses(code):
        reduce_units(allocation, units)
    assert Pool.objects.get().allocated == 5


def test_what_is_redeemed_is_not_reduced(allocation):
    mark_redeemed(allocation, PrincipalFactory())
    with refuses("already_redeemed", match="ne peuvent plus être réduites"):
        reduce_units(allocation, 3)
    assert Allocation.objects.get().units == Pool.objects.get().allocated == 5


def test_in_bulk_each_has_its_result_and_the_journal_calls_it_a_list(pool, allocation):
    redeemed, stranger = allocate_units(pool, SchoolFactory(), units=5), SchoolFactory()
    mark_redeemed(redeemed, PrincipalFactory())
    results = reduce_many(
        pool_id=pool.pk,
        reductions=[Reduction(uai, 2) for uai in (allocation.school_id, redeemed.school_id, stranger.uai)],
        by=None,
        at=LATER,
        import_id=7,
    )
    assert [(r.uai, r.allocation_id, r.before, r.units, r.refusal and r.refusal.code) for r in results] == [
        (allocation.school_id, allocation.pk, 5, 2, None),
        (redeemed.school_id, redeemed.pk, 5, 5, "already_redeemed"),
        (stranger.uai, None, 0, 0, "unknown_allocation"),
    ]
    assert Pool.objects.get().allocated == 7
    assert [entry.object_id for entry in AuditEntry.objects.filter(action=REDUCED_IN_BULK)] == [allocation.pk]


def test_an_email_that_waits_says_the_new_number_by_itself(allocation, monkeypatch):
    reduce_units(allocation, 3)
    message = Message.objects.get()
    assert (message.kind, message.state) == ("key", MessageState.QUEUED)
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)
    assert "vous attribue 3 licences" in kinds.get(message.kind).render(message).subject


def test_an_emailed_school_gets_one_correction_whatever_follows(allocation):
    mark_sent()
    reduce_units(allocation, 3)
    reduce_units(allocation, 2)
    kind = Message.objects.filter(kind="key_reduced")
    assert list(kind.order_by("pk").values_list("state", flat=True)) == [MessageState.CANCELLED, MessageState.QUEUED]


@pytest.mark.slow
def test_as_many_queries_for_fifty_as_for_two(pool, django_assert_num_queries, django_assert_max_num_queries):
    schools = SchoolFactory.create_batch(50)
    for school in schools:
        allocate_units(pool, school, units=2)
    reductions = [Reduction(school.uai, 1) for school in schools]
    with django_assert_max_num_queries(24) as two:
        reduce_many(pool_id=pool.pk, reductions=reductions[:2], by=None, at=LATER)
    with django_assert_num_queries(len(two.captured_queries)):
        reduce_many(pool_id=pool.pk, reductions=reductions[2:], by=None, at=LATER)
