"""Workers killed, run in parallel, and stopped: real processes, a real mail server, real commits."""

import collections
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from core.connections import DatabaseClock
from jobs.housekeeping import get_stall_timeout
from mailing import dispatch, operations
from mailing.dispatch import GROUP_SIZE, drain
from mailing.mail_server import SmtpConnection
from mailing.models import Message, MessageState
from tests.waits import LAST_S, wait_for_exit, wait_until
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
def test_what_a_killed_worker_had_not_handed_over_is_taken_over_when_its_heartbeat_ends(committing, sink, mail, note):
    sink.behaviour.delay = 0.005
    enqueue(200)
    environment = mail | {"MAIL_LEASE": "300"}
    with running_worker(**environment) as first:
        wait_until(lambda: sink.accepted >= 60)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with running_worker(**environment):
        # The group that it was sending waits for the end of the lease: nobody knows what was accepted of it.
        wait_until(lambda: Message.objects.pending().count() <= GROUP_SIZE)
    assert set(times_received(sink).values()) == {1}
    assert sink.accepted >= 200 - GROUP_SIZE


@pytest.fixture
def short_heartbeat(sink, settings, monkeypatch):
    """Seconds after which a lease that nobody renews is over for what was not handed over; it lasts for 300 else."""
    settings.JOBS_HEARTBEAT, settings.MAIL_LEASE = 1, 300
    # The server is waited for, and a drain goes on, for as long as a test takes.
    options = {"host": sink.hostname, "port": sink.port}
    settings.MAILERS = {"default": {"BACKEND": "mailing.mail_server.EmailBackend", "OPTIONS": options}}
    monkeypatch.setattr(dispatch, "MAX_SECONDS", LAST_S)
    return get_stall_timeout()


def drain_in_thread():
    """Run a drain as a worker does, on a connection of its own."""

    def run():
        with closing(connection), schema_context("c_nimes"):
            return drain()

    return ThreadPoolExecutor(1).submit(run)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.15, 6.0], ids=["many messages", "a server that makes us wait"])
def test_a_lease_of_a_worker_that_lives_is_never_taken(committing, sink, note, short_heartbeat, delay):
    sink.behaviour.delay = delay
    enqueue(50)
    alive = drain_in_thread()
    wait_until(lambda: sink.connections)
    taken, ends_at = [], time.monotonic() + 1.7 * short_heartbeat
    while time.monotonic() < ends_at:
        taken += dispatch.claim(limit=50, at=DatabaseClock()())
    assert (taken, alive.done()) == ([], False)
    sink.behaviour.delay = 0
    assert alive.result() == 50
    assert set(times_received(sink).values()) == {1}


@pytest.mark.slow
def test_a_worker_that_slept_until_its_leases_were_taken_sends_only_what_nobody_else_does(
    committing, sink, note, short_heartbeat, monkeypatch
):
    # It renews nothing while it waits.
    monkeypatch.setattr(dispatch, "SmtpConnection", lambda **_: SmtpConnection())
    sink.behaviour.delay = 3.0 * short_heartbeat
    enqueue(50)
    asleep = drain_in_thread()
    wait_until(lambda: sink.connections)
    time.sleep(1.2 * short_heartbeat)
    sink.behaviour.delay = 0
    assert (drain(), asleep.done()) == (50 - GROUP_SIZE, False)
    assert asleep.result() == GROUP_SIZE
    assert set(times_received(sink).values()) == {1}
    assert Message.objects.filter(state=MessageState.SENT, unanswered=0).count() == 50


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
