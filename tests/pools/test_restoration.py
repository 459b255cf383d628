"""Undoing a revocation within the hour: the same key, the same licences, and no e-mail about it."""

import datetime

import pytest

from collectivities.models import AuditEntry
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import reductions, restorations
from licensing.pools.emails import check_due
from licensing.pools.models import Allocation, Pool
from mailing.kinds import NoLongerDue
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.refusals import refuses

MINUTE = datetime.timedelta(minutes=1)
TAKEN = TERM + datetime.timedelta(days=1)
IN_TIME, TOO_LATE = TAKEN + 59 * MINUTE, TAKEN + 60 * MINUTE


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)


@pytest.fixture
def allocation(pool):
    return allocate_units(pool, SchoolFactory(), units=4)


def revoke(allocation, at=TAKEN):
    return reductions.revoke(allocation_id=allocation.pk, by=None, at=at)


def restore(allocation, at=IN_TIME, by=None):
    return restorations.restore(allocation_id=allocation.pk, by=by, at=at)


def queued():
    return list(Message.objects.filter(state=MessageState.QUEUED).order_by("pk").values_list("kind", "due_at"))


def assert_refused(allocation, code, at=IN_TIME):
    before = Pool.objects.get(pk=allocation.pool_id).allocated
    with refuses(code) as refusal:
        restore(allocation, at=at)
    assert Pool.objects.get(pk=allocation.pool_id).allocated == before
    assert Allocation.objects.get(pk=allocation.pk).revoked_at is not None
    return str(refusal.value)


@pytest.mark.slow
def test_an_undone_revocation_gives_the_same_key_its_licences_again(pool, allocation):
    agent, code = UserFactory(), unseal_key(allocation.key)
    revoke(allocation)
    restored = restore(allocation, by=agent)
    key = ActivationKey.objects.get()
    assert (restored.revoked_at, restored.revoked_by_id, key.revoked_at) == (None, None, None)
    assert (unseal_key(key), key.units, Pool.objects.get().allocated) == (code, 4, 4)
    entry = AuditEntry.objects.get(action="pools.revocation_undone")
    assert (entry.actor_id, entry.school_id, entry.object_id) == (agent.pk, allocation.school_id, allocation.pk)


@pytest.mark.slow
def test_undoing_twice_is_once(allocation):
    revoke(allocation)
    restore(allocation)
    restore(allocation)
    assert Pool.objects.get().allocated == 4
    assert AuditEntry.objects.filter(action="pools.revocation_undone").count() == 1
    assert len(queued()) == 1


def test_a_school_is_notified_an_hour_after_the_revocation(allocation):
    mark_sent()
    revoke(allocation)
    assert queued() == [("key_revoked", TOO_LATE)]


@pytest.mark.slow
def test_no_school_is_notified_of_a_revocation_that_was_undone(allocation):
    mark_sent()
    revoke(allocation)
    restore(allocation)
    assert queued() == []
    notice = Message.objects.get(kind="key_revoked")
    assert notice.state == MessageState.CANCELLED
    with pytest.raises(NoLongerDue, match="annulée"):
        check_due(notice, Allocation.objects.get())


@pytest.mark.parametrize(
    ("days", "due_at"), [(0, IN_TIME), (3, datetime.datetime(2026, 11, 27, 7, tzinfo=datetime.UTC))]
)
def test_an_email_that_the_revocation_stopped_leaves_on_its_day(pool, days, due_at):
    announced = allocate_units(
        pool, SchoolFactory(), send_on=TERM.date() + datetime.timedelta(days=days) if days else None
    )
    revoke(announced)
    assert queued() == []
    restore(announced)
    assert queued() == [("key", due_at)]


@pytest.mark.slow
def test_the_announcement_of_more_licences_leaves_as_such(pool, allocation):
    mark_sent()
    allocate_units(pool, allocation.school, units=2)
    revoke(allocation)
    restore(allocation)
    assert Message.objects.get(state=MessageState.QUEUED).context == {"added": 2}


@pytest.mark.slow
def test_an_email_that_a_worker_held_meanwhile_is_queued_again(allocation):
    Message.objects.update(state=MessageState.SENDING, lease_until=TOO_LATE)
    revoke(allocation)
    restore(allocation)
    assert queued() == [("key", IN_TIME)]


@pytest.mark.slow
def test_after_an_hour_a_revocation_is_final(allocation):
    revoke(allocation)
    assert "pendant une heure" in assert_refused(allocation, "restoration_too_late", at=TOO_LATE)


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.SENT])
def test_a_revocation_that_the_school_was_notified_of_is_not_undone(allocation, state):
    mark_sent()
    revoke(allocation)
    lease = TOO_LATE if state == MessageState.SENDING else None
    Message.objects.filter(kind="key_revoked").update(state=state, sent_at=TOO_LATE, lease_until=lease)
    assert_refused(allocation, "restoration_too_late")


@pytest.mark.slow
def test_licences_given_to_others_meanwhile_do_not_come_back(pool, allocation):
    revoke(allocation)
    allocate_units(pool, SchoolFactory(), units=7, at=TAKEN)
    assert "données depuis" in assert_refused(allocation, "pool_exhausted")


@pytest.mark.slow
def test_a_school_with_another_key_of_the_pool_keeps_that_one(pool, allocation):
    revoke(allocation)
    allocate_units(pool, allocation.school, units=1, at=TAKEN)
    assert "une autre clé" in assert_refused(allocation, "school_served_again")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"suspended_at": TAKEN, "suspension_cause": "operator"}, "pool_suspended"),
        ({"cancelled_at": TAKEN, "suspended_at": TAKEN, "suspension_cause": "operator"}, "pool_closed"),
        ({"last_day": TERM.date()}, "pool_closed"),
    ],
)
def test_a_pool_that_is_suspended_cancelled_or_over_takes_nothing_back_out(allocation, change, code):
    revoke(allocation)
    Entitlement.objects.update(first_day=TERM.date(), **change)
    assert_refused(allocation, code)


def test_an_allocation_that_is_not_revoked_stays_as_it_is(allocation):
    mark_redeemed(allocation, PrincipalFactory())
    restore(allocation)
    assert Pool.objects.get().allocated == 4
    assert not AuditEntry.objects.filter(action="pools.revocation_undone").exists()


@pytest.mark.slow
def test_of_two_revoked_keys_of_one_school_the_last_comes_back(pool, allocation):
    revoke(allocation)
    again = allocate_units(pool, allocation.school, units=2, at=TAKEN)
    revoke(again, at=TAKEN + MINUTE)
    results = restorations.restore_many(allocation_ids=[allocation.pk, again.pk, 10**9], by=None, at=IN_TIME)
    codes = {result.allocation_id: result.refusal and result.refusal.code for result in results}
    assert codes == {allocation.pk: "school_served_again", again.pk: None, 10**9: "unknown_allocation"}
    assert Pool.objects.get().allocated == 2


@pytest.mark.slow
def test_what_is_left_of_the_pool_goes_to_the_first_of_the_list_that_fits(pool):
    taken = [allocate_units(pool, SchoolFactory(), units=units) for units in (3, 3, 4)]
    reductions.revoke_many(allocation_ids=[one.pk for one in taken], by=None, at=TAKEN)
    allocate_units(pool, SchoolFactory(), units=3, at=TAKEN)
    results = restorations.restore_revocation(revoked_at=TAKEN, by=None, at=IN_TIME)
    assert sorted(result.refusal.code if result.refusal else "done" for result in results) == [
        "done", "done", "pool_exhausted"]  # fmt: skip
    assert Pool.objects.get().allocated == 10


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 12])
def test_statements_do_not_grow_with_what_is_restored(nimes, count, django_assert_max_num_queries):
    pool = orders.grant(collectivity=nimes, licences=100, reason="Essai", by=None, at=TERM)
    given = [allocate_units(pool, SchoolFactory()).pk for _ in range(count)]
    reductions.revoke_many(allocation_ids=given, by=None, at=TAKEN)
    with django_assert_max_num_queries(25):
        restorations.restore_many(allocation_ids=given, by=None, at=IN_TIME)
    assert len(queued()) == count
