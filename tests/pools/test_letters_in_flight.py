"""Revoking and reducing while letters are on their way: who was written to, who is corrected."""

import datetime
import sys
import threading

import pytest
from django.db import connections
from django.utils import timezone
from django_tenants.utils import schema_context

from core.connections import connection
from licensing.orders import operations as orders
from licensing.pools import reductions
from licensing.pools.models import RESTORABLE_FOR, Allocation
from licensing.pools.queries import find_emailed_ids
from mailing import dispatch
from mailing import operations as mailing
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.races import wait_for_blocked_session

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=timezone.now())


@pytest.fixture
def interrupted(pool, sink):
    """An allocation whose letter was accepted, while the line broke before we knew."""
    sink.behaviour.drop_after = 0
    sink.behaviour.stores_dropped = True
    allocation = allocate_units(pool, SchoolFactory(), units=3)
    drain()
    assert sink.accepted == 1
    return allocation


@pytest.mark.slow
def test_a_key_whose_letter_may_have_been_accepted_counts_as_written_to(interrupted):
    assert find_emailed_ids([interrupted.pk]) == {interrupted.pk}


@pytest.mark.slow
def test_a_revocation_shows_it_as_sent_and_the_corrective_letter_follows(interrupted, sink):
    reductions.revoke(allocation_id=interrupted.pk, by=None, at=timezone.now() - RESTORABLE_FOR)
    key, revoked = Message.objects.order_by("pk")
    assert (key.kind, key.state) == ("key", MessageState.SENT)
    assert drain() == 1
    revoked.refresh_from_db()
    assert (revoked.kind, revoked.state) == ("key_revoked", MessageState.SENT)
    assert "n’est plus valable" in sink.received[-1].email["Subject"]


@pytest.mark.slow
def test_a_reduction_corrects_what_may_have_been_accepted(interrupted, sink):
    reductions.reduce(pool_id=interrupted.pool_id, uai=interrupted.school_id, units=1, by=None, at=timezone.now())
    assert list(Message.objects.order_by("pk").values_list("kind", "state")) == [
        ("key", MessageState.SENT), ("key_reduced", MessageState.QUEUED)]  # fmt: skip


def test_a_letter_of_a_dead_worker_is_shown_as_sent_and_corrected(pool):
    allocation = allocate_units(pool, SchoolFactory(), units=3)
    now = timezone.now()
    [claimed] = dispatch.claim(limit=1, at=now)
    assert dispatch.record_group([], [claimed], at=now)
    Message.objects.update(lease_until=now - MINUTE)
    reductions.revoke(allocation_id=allocation.pk, by=None, at=now)
    assert list(Message.objects.order_by("pk").values_list("kind", "state")) == [
        ("key", MessageState.SENT), ("key_revoked", MessageState.QUEUED)]  # fmt: skip


@pytest.fixture
def queued(committing):
    """An allocation whose letter waits, committed."""
    pool = orders.grant(collectivity=committing, licences=10, reason="Essai", by=None, at=timezone.now())
    return allocate_units(pool, SchoolFactory(), units=3)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["revoke", "reduce"])
def test_a_worker_claims_no_letter_between_the_question_and_the_change(queued, sink, monkeypatch, change):
    """A letter that is claimed after « was it sent? » and before the cancellation leaves with no correction."""
    schema = connection.schema_name

    def drain_elsewhere():
        try:
            with schema_context(schema):
                drain()
        finally:
            connections.close_all()

    module = sys.modules[(reductions.reduce if change == "reduce" else reductions.revoke).__module__]
    ask = module.find_emailed_ids

    def ask_then_let_a_worker_run(ids):
        answer = ask(ids)
        worker = threading.Thread(target=drain_elsewhere)
        worker.start()
        wait_for_blocked_session(unless=lambda: not worker.is_alive())
        return answer

    monkeypatch.setattr(module, "find_emailed_ids", ask_then_let_a_worker_run)
    if change == "revoke":
        reductions.revoke(allocation_id=queued.pk, by=None, at=timezone.now())
    else:
        reductions.reduce(pool_id=queued.pool_id, uai=queued.school_id, units=1, by=None, at=timezone.now())
    corrected = Message.objects.filter(kind__in=("key_revoked", "key_reduced")).exists()
    assert sink.accepted == 0 or corrected
    drain()
    if change == "reduce":
        assert "1 licence" in sink.received[-1].email["Subject"]
    else:
        assert sink.accepted == 0
        assert Allocation.objects.get().revoked_at is not None
    assert mailing.cancel("allocation", [queued.pk], timezone.now()) == 0
