"""Undoing a revocation while others redeem, give or tell: real threads and real commits.

Each fails without its lock and its constraint.
"""

import datetime
import sys
import threading
from collections import Counter
from functools import partial

import pytest
from django.db import connections
from django_tenants.utils import schema_context

from collectivities.models import AuditEntry
from core.connections import connection
from core.exceptions import DomainError
from licensing.entitlements import operations as entitlements
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import reductions, restorations
from licensing.pools.models import RESTORABLE_FOR, Allocation, Pool
from licensing.pools.positions import list_pool_positions
from licensing.pools.queries import find_notified_ids
from mailing import dispatch
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units, mark_sent
from tests.races import run_concurrently, three_rounds, wait_for_blocked_session

pytestmark = pytest.mark.slow

IN_TIME = TERM + datetime.timedelta(minutes=30)


@pytest.fixture
def taken(committing):
    """The three licences of a pool, taken back from its school."""
    pool = orders.grant(collectivity=committing, licences=3, reason="Course", by=None, at=TERM)
    return revoke(allocate_units(pool, SchoolFactory(), units=3))


def revoke(allocation, at=TERM):
    return reductions.revoke(allocation_id=allocation.pk, by=None, at=at)


def restore(allocation, at=IN_TIME):
    return restorations.restore(allocation_id=allocation.pk, by=None, at=at)


def run(actions):
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def assert_sound():
    for pool in Pool.objects.all():
        given = Allocation.objects.active().filter(pool=pool).values_list("units", flat=True)
        assert pool.allocated == sum(given) <= pool.capacity
    for allocation in Allocation.objects.select_related("key"):
        assert allocation.revoked_at == allocation.key.revoked_at
        assert not (allocation.key.revoked_at and allocation.key.redeemed_at)
    assert all(position.is_balanced for position in list_pool_positions())


def test_sixteen_undo_one_revocation_and_its_licences_leave_the_pool_once(taken):
    Pool.objects.update(capacity=100)  # the CHECK would refuse the second
    assert run([partial(restore, taken)] * 16) == {"done": 16}
    assert Pool.objects.get().allocated == 3
    assert AuditEntry.objects.filter(action="pools.revocation_undone").count() == 1
    assert_sound()


@three_rounds
def test_the_licences_come_back_or_are_given_to_one_other_school(taken, race_round):
    giving = [partial(allocate_units, taken.pool, SchoolFactory(), units=3) for _ in range(7)]
    results = run([*giving[:3], partial(restore, taken), *giving[3:]])
    assert results == {"done": 1, "pool_exhausted": 7}
    assert_sound()


@three_rounds
def test_a_school_that_is_served_again_meanwhile_has_one_key(taken, race_round):
    Pool.objects.update(capacity=100)
    results = run([partial(allocate_units, taken.pool, taken.school, units=1), partial(restore, taken)] * 4)
    assert results["done"] + results["school_served_again"] == 8
    assert Allocation.objects.active().count() == 1
    assert_sound()


@three_rounds
def test_a_key_is_redeemed_revoked_and_restored_at_once(taken, race_round):
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=taken.school)
    code = unseal_key(taken.key)
    run(
        [
            partial(restore, taken),
            partial(entitlements.redeem, code=code, by=principal, at=IN_TIME),
            partial(revoke, taken, at=IN_TIME),
        ]
        * 5
    )
    assert_sound()


@pytest.mark.small
def test_a_worker_tells_no_school_between_the_question_and_the_undo(taken, monkeypatch):
    """A letter that leaves after « was it told? » would say that a valid key is void."""
    restore(taken)
    mark_sent()
    revoke(taken)
    schema, claimed = connection.schema_name, []

    def claim_elsewhere():
        try:
            with schema_context(schema):
                claimed.extend(dispatch.claim(limit=5, at=TERM + RESTORABLE_FOR))
        finally:
            connections.close_all()

    def ask_then_let_a_worker_run(ids):
        answer = find_notified_ids(ids)
        worker = threading.Thread(target=claim_elsewhere)
        worker.start()
        wait_for_blocked_session(unless=lambda: not worker.is_alive())
        return answer

    monkeypatch.setattr(sys.modules[restorations.restore.__module__], "find_notified_ids", ask_then_let_a_worker_run)
    restore(taken)
    assert not claimed
    assert Message.objects.get(kind="key_revoked").state == MessageState.CANCELLED
