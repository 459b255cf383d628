"""The database's connection dies under a drain: outcomes are recorded anew, retried jobs repeat nothing."""

import collections

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from mailing import dispatch, operations
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from tests.waits import wait_until
from tests.workers import running_worker


def enqueue(count):
    batch = [operations.NewMessage(kind="note", recipient=f"ecole{n}@exemple.example") for n in range(count)]
    operations.enqueue_many(batch, at=timezone.now())


def terminate_own_backend():
    """Have the server end this thread's connection, as it is told to while in use."""
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def count_received(sink):
    return collections.Counter(received.recipients[0] for received in sink.received)


def test_an_acceptance_is_recorded_over_a_new_connection(committing, sink, note, monkeypatch):
    enqueue(20)
    record = dispatch.record_group
    calls = iter(range(1000))

    def record_on_a_dead_connection(*arguments, **fields):
        if next(calls) == 1:
            terminate_own_backend()
        return record(*arguments, **fields)

    monkeypatch.setattr("mailing.dispatch.record_group", record_on_a_dead_connection)
    assert drain() == 20
    assert set(count_received(sink).values()) == {1}
    assert set(Message.objects.values_list("state", "unanswered")) == {(MessageState.SENT, 0)}


@pytest.mark.slow
def test_a_drain_that_is_retried_repeats_nothing(committing, sink, note, monkeypatch, settings):
    monkeypatch.setattr("core.connections._RETRY_DELAYS", ())
    settings.MAIL_LEASE = 1
    enqueue(30)
    record, calls = dispatch.record_group, iter(range(1000))

    def fail_once(*arguments, **fields):
        if next(calls) == 1:
            terminate_own_backend()
        return record(*arguments, **fields)

    monkeypatch.setattr("mailing.dispatch.record_group", fail_once)
    with pytest.raises(OperationalError):
        drain()
    connection.close()
    # The retried job: what is leased waits, the group may be sent a second time, nothing else.
    wait_until(lambda: drain() or not Message.objects.pending().exists())
    wait_until(lambda: not Message.objects.pending().exists() or drain() is None)
    received = count_received(sink)
    assert len(received) == 30
    assert received.total() <= 30 + dispatch.GROUP_SIZE
    identifiers = collections.Counter(str(message.email["Message-ID"]) for message in sink.received)
    assert len(identifiers) == 30
    assert Message.objects.filter(state=MessageState.SENT).count() == 30


@pytest.mark.slow
def test_a_worker_whose_connections_are_killed_sends_nothing_twice(committing, sink, note):
    sink.behaviour.delay = 0.01
    enqueue(300)
    environment = {"SMTP_HOST": sink.hostname, "SMTP_PORT": str(sink.port), "MAIL_LEASE": "3"}
    with running_worker(**environment):
        for accepted in (40, 120, 200):
            wait_until(lambda: sink.accepted >= accepted)  # noqa: B023 - called at once
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
                )
        wait_until(lambda: not Message.objects.pending().exists())
    received = count_received(sink)
    assert len(received) == 300
    assert received.total() == 300
    assert Message.objects.filter(state=MessageState.SENT).count() == 300
