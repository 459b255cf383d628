"""Workers killed, run in parallel, and stopped: real processes, a real mail server, real commits."""

import collections
import signal

import pytest
from django.utils import timezone

from mailing import operations
from mailing.dispatch import GROUP_SIZE
from mailing.models import Message, MessageState
from tests.waits import wait_for_exit, wait_until
from tests.workers import running_worker


@pytest.fixture
def mail(sink):
    """Environment of a worker process that sends to the sink, with short leases."""
    return {"SMTP_HOST": sink.hostname, "SMTP_PORT": str(sink.port), "MAIL_LEASE": "3"}


def enqueue(count):
    batch = [operations.NewMessage(kind="note", recipient=f"ecole{n}@exemple.example") for n in range(count)]
    operations.enqueue_many(batch, at=timezone.now())


def times_received(sink):
    return collections.Counter(received.recipients[0] for received in sink.received)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_repeats_at_most_the_group_in_flight(committing, sink, mail, note):
    sink.behaviour.delay = 0.005
    enqueue(200)
    with running_worker(**mail) as first:
        wait_until(lambda: sink.accepted >= 60)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert 60 <= sink.accepted < 200
    with running_worker(**mail):
        # Nothing is queued by hand: the stalled job is rescued and the dead worker's lease expires.
        wait_until(lambda: not Message.objects.pending().exists())
    received = times_received(sink)
    assert len(received) == 200
    assert received.total() <= 200 + GROUP_SIZE
    assert Message.objects.filter(state=MessageState.SENT).count() == 200


@pytest.mark.slow
def test_two_workers_send_nothing_twice(committing, sink, mail, note):
    enqueue(1200)
    with running_worker(**mail), running_worker(**mail):
        wait_until(lambda: sink.accepted >= 1200)
        wait_until(lambda: not Message.objects.pending().exists())
    received = times_received(sink)
    assert received.total() == len(received) == 1200
    assert sink.connections > 1


@pytest.mark.slow
def test_a_worker_asked_to_stop_releases_its_messages_and_exits_cleanly(committing, sink, mail, note):
    sink.behaviour.delay = 0.02
    enqueue(200)
    with running_worker(**mail) as process:
        wait_until(lambda: sink.accepted >= 20)
        process.send_signal(signal.SIGTERM)
        assert wait_for_exit(process) == 0
    sent = sink.accepted
    assert sent < 200
    assert Message.objects.filter(state=MessageState.SENT).count() == sent
    assert Message.objects.filter(state=MessageState.QUEUED).count() == 200 - sent
    sink.behaviour.delay = 0.0
    with running_worker("--until-idle", **mail) as process:
        assert wait_for_exit(process) == 0
    assert times_received(sink).total() == 200
