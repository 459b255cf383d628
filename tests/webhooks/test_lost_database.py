"""The database's connection dies under a drain: what receivers answered is recorded, nothing is sent a second time."""

import collections
import threading

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from tests.webhooks import receiver as behaviours
from tests.webhooks.events import deliver_due, emit_events, make_issued_event
from tests.webhooks.receiver import Receiver
from webhooks import endpoints, leases
from webhooks.drain import drain
from webhooks.models import Attempt, Delivery, DeliveryState


def terminate_own_backend():
    """Have the server end this thread's connection, as it is told to while in use."""
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def count_received(*receivers):
    return collections.Counter(one.id for receiver in receivers for one in receiver.received)


@pytest.mark.parametrize("step", ["record_results", "claim"])
def test_what_was_answered_is_recorded_over_a_new_connection(committing, receiver, monkeypatch, step):
    """It dies before the first results are recorded, or while the next round of another endpoint is claimed."""
    is_lost = threading.Event()
    with Receiver(behaviours.respond_once(is_lost)) as slow:
        for listening in (receiver, slow):
            endpoints.add(url=listening.url, types=[], by_id=None, at=timezone.now())
        emit_events(*(make_issued_event(number) for number in range(20)))
        perform, calls = getattr(leases, step), iter(range(1000))

        def perform_on_a_dead_connection(**fields):
            # The third claim is the second of the receiver that answers at once; the other one's is on its way.
            if next(calls) == (2 if step == "claim" else 0):
                terminate_own_backend()
                is_lost.set()
            return perform(**fields)

        monkeypatch.setattr(leases, step, perform_on_a_dead_connection)
        assert drain() == 32
        assert is_lost.is_set()
        # The others were planned, and leave with the next drain.
        assert Delivery.objects.filter(state=DeliveryState.DELIVERED).count() == 32
        drain()
        assert set(count_received(receiver).values()) == set(count_received(slow).values()) == {1}
    assert Attempt.objects.count() == Delivery.objects.filter(state=DeliveryState.DELIVERED).count() == 40


def test_each_repeat_has_the_id_and_the_body_of_the_event(endpoint, receiver):
    """What a receiver knows repeats by: after an answer that never came, a death and a replay."""
    emit_events(make_issued_event(1))
    receiver.behaviour = behaviours.hang_up
    deliver_due(endpoint)
    delivery = Delivery.objects.get()
    receiver.behaviour = behaviours.respond_with(200)
    # A worker that died: its lease has ended, and nothing of what it sent is recorded.
    Delivery.objects.update(next_at=timezone.now())
    assert deliver_due(endpoint) == 1
    endpoints.replay(endpoint_id=endpoint.pk, delivery_id=delivery.pk, at=timezone.now())
    assert deliver_due(endpoint) == 1
    assert count_received(receiver) == {delivery.event.public_id: 3}
    assert len({one.body for one in receiver.received}) == 1
