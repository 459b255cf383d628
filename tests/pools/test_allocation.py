"""Allocating licences to schools."""

import datetime

import pytest
from django.core.validators import validate_email
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from collectivities.models import AuditEntry
from core import contact_details
from core.exceptions import DomainError
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import checks, operations
from licensing.pools.checks import Demand
from licensing.pools.models import Allocation
from mailing.models import Message, MessageState
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed
from tests.refusals import refuses


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)


def test_an_allocation_is_a_key_an_email_and_a_line_of_the_journal(pool):
    agent, school = UserFactory(), SchoolFactory()
    allocation = allocate_units(pool, school, by=agent)
    pool.refresh_from_db()
    assert (pool.allocated, pool.free) == (3, 7)
    assert (allocation.units, allocation.school_id, allocation.created_by_id) == (3, school.uai, agent.pk)
    key = allocation.key
    assert (key.units, key.school_id, key.prefix, key.entitlement_id) == (3, school.uai, "NIMES", pool.entitlement_id)
    assert key.exposed_at is None
    message = Message.objects.get()
    assert (message.kind, message.recipient, message.topic, message.topic_id) == (
        "key",
        school.email,
        "allocation",
        allocation.pk,
    )
    assert message.due_at == TERM
    entry = AuditEntry.objects.get(action="pools.allocated")
    assert (entry.school_id, entry.object_id, entry.actor_id) == (school.uai, allocation.pk, agent.pk)


@pytest.mark.slow
def test_a_key_written_elsewhere_than_to_the_official_mailbox_is_exposed(pool):
    official, other = SchoolFactory(), SchoolFactory()
    assert allocate_units(pool, official, recipient=official.email.upper()).key.exposed_at is None
    assert allocate_units(pool, other, recipient="directrice@exemple.example").key.exposed_at == TERM
    assert allocate_units(pool, official, recipient=official.email, units=1).key.exposed_at is None
    assert allocate_units(pool, official, recipient="directrice@exemple.example", units=1).key.exposed_at == TERM


def test_a_second_volume_grows_the_key_that_nobody_redeemed(pool):
    school = SchoolFactory()
    first = allocate_units(pool, school, units=3)
    second = allocate_units(pool, school, units=2)
    assert (second.pk, second.units) == (first.pk, 5)
    assert ActivationKey.objects.get().units == 5
    pool.refresh_from_db()
    assert pool.allocated == 5
    # The first e-mail had not left: one e-mail gives the total.
    assert sorted(Message.objects.values_list("state", flat=True)) == [MessageState.CANCELLED, MessageState.QUEUED]


def test_a_second_volume_grows_the_subscription_of_a_redeemed_key(pool):
    school, principal = SchoolFactory(), PrincipalFactory()
    first = allocate_units(pool, school, units=2)
    mark_redeemed(first, principal)
    allocate_units(pool, school, units=3)
    subscription = Subscription.objects.get()
    assert subscription.size == 5
    assert list(Seat.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3, 4, 5]
    assert ActivationKey.objects.get().units == 5


def test_a_chosen_day_is_eight_in_the_morning_in_france(pool):
    allocate_units(pool, SchoolFactory(), send_on=datetime.date(2027, 1, 4))
    assert Message.objects.get().due_at == datetime.datetime(2027, 1, 4, 7, 0, tzinfo=datetime.UTC)


def test_today_after_eight_is_now(pool):
    allocate_units(pool, SchoolFactory(), send_on=TERM.date())
    assert Message.objects.get().due_at == TERM


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("pool_exhausted", {"units": 11}),
        ("invalid_units", {"units": 0}),
        ("invalid_units", {"units": -1}),
        ("invalid_recipient", {"recipient": "pas une adresse"}),
        ("invalid_recipient", {"recipient": ""}),
        ("invalid_send_date", {"send_on": datetime.date(2026, 11, 23)}),
        ("invalid_send_date", {"send_on": datetime.date(2027, 9, 1)}),
        ("pool_closed", {"at": datetime.datetime(2027, 8, 31, 22, 1, tzinfo=datetime.UTC)}),
    ],
)
def test_what_is_refused_changes_nothing(pool, code, changes):
    assert_refused(code, pool, SchoolFactory(), **changes)


def test_a_closed_school_is_given_nothing(pool):
    assert_refused("school_closed", pool, SchoolFactory(state=SchoolState.CLOSED, closed_at=TERM))


def test_a_suspended_pool_gives_nothing(pool):
    pool.entitlement.suspended_at = TERM
    pool.entitlement.save()
    assert_refused("pool_suspended", pool, SchoolFactory())


def assert_refused(code, pool, school, **changes):
    with refuses(code):
        allocate_units(pool, school, **changes)
    assert not Allocation.objects.exists()
    assert not ActivationKey.objects.exists()
    assert not Message.objects.exists()
    pool.refresh_from_db()
    assert pool.allocated == 0


def test_the_last_day_is_inclusive(pool):
    allocate_units(pool, SchoolFactory(), at=datetime.datetime(2027, 8, 31, 21, 59, tzinfo=datetime.UTC))


def test_unknown_school_and_unknown_pool(pool):
    school = SchoolFactory.build()
    with pytest.raises(DomainError, match=school.uai):
        allocate_units(pool, school)
    pool.pk += 1
    with pytest.raises(DomainError, match="n'existe pas"):
        allocate_units(pool, SchoolFactory())


def test_the_refusal_says_what_is_free(pool):
    allocate_units(pool, SchoolFactory(), units=8)
    with pytest.raises(DomainError, match="plus que 2\u00a0licences libres ; il en faudrait 3"):
        allocate_units(pool, SchoolFactory(), units=3)


@pytest.mark.slow
def test_many_at_once_mix_new_grown_and_unchanged(pool):
    new, grown, same = SchoolFactory.create_batch(3)
    allocate_units(pool, grown, units=1)
    allocate_units(pool, same, units=2)
    outcome = operations.allocate_many(
        pool_id=pool.pk,
        demands=[
            Demand(new.uai, 3, new.email, total=True),
            Demand(grown.uai, 3, grown.email, total=True),
            Demand(same.uai, 2, same.email, total=True),
        ],
        by=None,
        at=TERM,
        import_id=7,
    )
    assert (outcome.created, outcome.grown, outcome.unchanged, outcome.units) == (1, 1, 1, 5)
    assert dict(Allocation.objects.values_list("school_id", "units")) == {new.uai: 3, grown.uai: 3, same.uai: 2}
    assert Allocation.objects.get(school_id=new.uai).import_id == 7
    pool.refresh_from_db()
    assert pool.allocated == 8
    assert Message.objects.filter(state=MessageState.QUEUED).count() == 3


def test_a_bulk_allocation_is_all_or_nothing(pool):
    schools = SchoolFactory.create_batch(4)
    with pytest.raises(DomainError, match="il en faudrait 12"):
        operations.allocate_many(
            pool_id=pool.pk, demands=[Demand(s.uai, 3, s.email) for s in schools], by=None, at=TERM
        )
    assert not Allocation.objects.exists()


def test_a_school_twice_and_a_smaller_total_are_refused(pool):
    school = SchoolFactory()
    twice = [Demand(school.uai, 1, school.email), Demand(school.uai, 2, school.email)]
    with refuses("duplicate_school"):
        operations.allocate_many(pool_id=pool.pk, demands=twice, by=None, at=TERM)
    allocate_units(pool, school, units=5)
    with refuses("would_reduce"):
        operations.allocate_many(
            pool_id=pool.pk, demands=[Demand(school.uai, 2, school.email, total=True)], by=None, at=TERM
        )


@pytest.mark.parametrize(("closed", "rest"), [(5, ""), (6, " et 1 de plus"), (7, " et 2 de plus")])
def test_a_refusal_names_five_schools_and_counts_the_others(pool, closed, rest):
    schools = SchoolFactory.create_batch(closed, state=SchoolState.CLOSED, closed_at=TERM)
    demands = [Demand(school.uai, 1, school.email) for school in schools]
    with pytest.raises(DomainError) as refusal:
        operations.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=TERM)
    words = str(refusal.value)
    assert (sum(school.uai in words for school in schools), "de plus" in words, rest in words) == (5, bool(rest), True)


@pytest.mark.parametrize("count", [2, 40])
def test_the_number_of_statements_does_not_grow_with_the_schools(nimes, count, django_assert_max_num_queries):
    pool = orders.grant(collectivity=nimes, licences=1000, reason="Essai", by=None, at=TERM)
    demands = [Demand(s.uai, 2, s.email) for s in SchoolFactory.create_batch(count)]
    with django_assert_max_num_queries(24):
        operations.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=TERM)
    with django_assert_max_num_queries(28):
        operations.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=TERM)


def test_rows_hold_no_key(pool):
    """Neither the outbox nor the journal nor the queue ever contains a key in clear."""
    allocation = allocate_units(pool, SchoolFactory())
    symbols = unseal_key(allocation.key).removeprefix("NIMES-")
    with connection.cursor() as cursor:
        for table in ("mailing_message", "collectivities_auditentry", "pools_allocation", "procrastinate_jobs"):
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{symbols}%"])  # noqa: S608
            assert cursor.fetchone() == (0,)


#: The same expression with short repetitions, so that Hypothesis generates valid addresses fast.
SHORT = contact_details.ORDINARY_ADDRESS.pattern.replace("++", "{1,6}").replace("*+", "{0,2}")


@pytest.mark.slow
@given(st.from_regex(SHORT, fullmatch=True).filter(contact_details.is_ordinary_address))
def test_an_address_taken_for_ordinary_is_valid_for_django(address):
    validate_email(address)


@pytest.mark.slow
def test_the_progress_callback_gets_every_stage_and_can_abort(pool):
    demands = [Demand(school.uai, 1, school.email) for school in SchoolFactory.create_batch(2)]
    steps = []

    class Enough(Exception):
        pass

    def stop_before(last):
        def watch(step, done, total):
            steps.append(step)
            if step == last:
                raise Enough

        return watch

    for last in checks.AllocationStage:
        if last == checks.AllocationStage.TAKING_BACK:
            continue
        with pytest.raises(Enough), transaction.atomic():
            operations.allocate_many(pool_id=pool.pk, demands=demands, by=None, at=TERM, on_progress=stop_before(last))
        assert steps.pop() == last
        assert not Allocation.objects.exists()
        assert not ActivationKey.objects.exists()
        assert not Message.objects.exists()
    pool.refresh_from_db()
    assert pool.allocated == 0
