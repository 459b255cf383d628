"""Isolation between receivers, and killed workers: real processes, real commits."""

import collections
import signal
import threading

import pytest
from django.utils import timezone

from mailing import operations as mailing
from tests.races import run_concurrently
from tests.waits import wait_until
from tests.webhooks import receiver as behaviours
from tests.webhooks.events import deliver_due, emit_events, make_issued_event
from tests.webhooks.receiver import Receiver
from tests.workers import running_worker
from webhooks import endpoints, leases
from webhooks.leases import AttemptResult
from webhooks.models import Attempt, Delivery, DeliveryState


@pytest.fixture
def environment(reachable):
    """Environment of a worker process that may reach local receivers, with short leases."""
    return {
        "WEBHOOKS_ALLOW_HTTP": "True",
        "WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8",
        "WEBHOOKS_LEASE": "3",
    }


def add(receiver):
    return endpoints.add(url=receiver.url, types=[], by_id=None, at=timezone.now()).endpoint


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_keeps_the_order(committing, environment):
    with Receiver(behaviours.respond_after(0.02)) as receiver:
        add(receiver)
        emit_events(
            *(make_issued_event(number, units) for units in range(1, 5) for number in range(30)), at=timezone.now()
        )
        with running_worker(**environment) as first:
            receiver.wait_for(40)
            first.send_signal(signal.SIGKILL)
            first.wait()
        assert len(receiver.received) < 120
        with running_worker(**environment):
            # Nothing is queued by hand: the stalled job is rescued and the dead worker's lease expires.
            wait_until(lambda: not Delivery.objects.pending().exists())
        assert Delivery.objects.filter(state=DeliveryState.DELIVERED).count() == 120
        assert len({one.id for one in receiver.received}) == 120
        heard = collections.defaultdict(list)
        for content in receiver.contents:
            heard[content["data"]["allocation"]].append(content["data"]["units"])
        # At least once, in order: the delivery in flight when the worker died may come twice.
        assert all(units == sorted(units) and set(units) == {1, 2, 3, 4} for units in heard.values())


@pytest.mark.slow
def test_a_hanging_receiver_delays_neither_others_nor_emails(committing, environment, sink):
    """A worker of two threads: while one hangs, the other's events and the e-mails arrive."""
    smtp = {"SMTP_HOST": sink.hostname, "SMTP_PORT": str(sink.port)}
    with Receiver(behaviours.hang) as hanging, Receiver() as sound:
        add(hanging)
        add(sound)
        emit_events(*(make_issued_event(number) for number in range(200)), at=timezone.now())
        batch = [mailing.NewMessage(kind="note", recipient=f"e{n}@exemple.example") for n in range(50)]
        mailing.enqueue_many(batch, at=timezone.now())
        with running_worker("--concurrency", "2", **environment, **smtp):
            sound.wait_for(200)
            wait_until(lambda: sink.accepted >= 50)
        # The hanging receiver was still on its first attempt: nothing waited for it.
        assert len(hanging.received) <= 2 * 16
        assert not Delivery.objects.filter(endpoint__url=hanging.url, state=DeliveryState.DELIVERED).exists()
        # Its events are not lost.
        assert Delivery.objects.pending().filter(endpoint__url=hanging.url).count() == 200


@pytest.mark.slow
def test_concurrent_drains_send_nothing_twice(committing, environment):
    with Receiver(behaviours.respond_after(0.01)) as receiver:
        endpoint = add(receiver)
        emit_events(*(make_issued_event(number) for number in range(100)))
        done = run_concurrently(committing.schema_name, [lambda: deliver_due(endpoint)] * 4, expected_errors=())
        assert sorted(done, key=str) == [100, None, None, None]
        assert len(receiver.received) == 100


def test_a_worker_whose_lease_expired_writes_nothing(committing, environment, settings):
    settings.WEBHOOKS_LEASE = 0
    with Receiver() as receiver:
        endpoint = add(receiver)
        emit_events(make_issued_event(1))
        let_go = threading.Event()

        def sleeps(handler):
            receiver.behaviour = behaviours.respond_with(200)
            wait_until(let_go.is_set)
            handler.respond(500)

        receiver.behaviour = sleeps

        def awake():
            receiver.wait_for(1)
            # The first drain holds the advisory lock: play the second worker after the lease by hand.
            claimed = leases.claim(endpoint_id=endpoint.pk, limit=1, at=timezone.now())
            leases.record_results(
                endpoint_id=endpoint.pk, claimed=claimed, outcomes=[AttemptResult(200, "", "", 1)], at=timezone.now()
            )
            let_go.set()

        run_concurrently(committing.schema_name, [lambda: deliver_due(endpoint), awake], expected_errors=())
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
        assert Attempt.objects.get().status == 200
