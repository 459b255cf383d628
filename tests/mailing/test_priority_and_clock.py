"""Which messages leave first, how long one outbox keeps a thread, and by whose clock leases end."""

import datetime
from types import SimpleNamespace

import pytest
from django.utils import timezone

from mailing import dispatch, operations
from mailing import dispatch as draining
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from mailing.operations import SINGLE_MESSAGE_PRIORITY, NewMessage
from tests.waiting_jobs import list_waiting_jobs


class ClockAhead(datetime.datetime):
    """The clock of a machine that is 400 seconds ahead."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=400)


def enqueue_import(kind, count):
    batch = [NewMessage(kind=kind, recipient=f"ecole{n}@exemple.example") for n in range(count)]
    operations.enqueue_many(batch, at=timezone.now())


def list_recipients(sink):
    return [received.recipients[0] for received in sink.received]


@pytest.mark.slow
def test_a_single_message_leaves_before_those_of_an_import(nimes, sink, note):
    enqueue_import(note, 120)
    operations.enqueue(kind=note, recipient="seul@exemple.example", at=timezone.now())
    assert drain(limit=10) == 10
    assert list_recipients(sink)[0] == "seul@exemple.example"


def test_one_message_enqueued_alone_in_bulk_is_single_too(nimes, sink, note):
    enqueue_import(note, 20)
    operations.enqueue_many([NewMessage(kind=note, recipient="seul@exemple.example")], at=timezone.now())
    assert drain(limit=1) == 1
    assert list_recipients(sink) == ["seul@exemple.example"]
    assert {job["priority"] for job in list_waiting_jobs("mailing.drain")} == {0, SINGLE_MESSAGE_PRIORITY}


def test_a_drain_ends_in_time_and_leaves_the_rest_to_the_next_job(nimes, sink, note, monkeypatch):
    # On a clock by which each message takes a second.
    monkeypatch.setattr(draining, "time", SimpleNamespace(monotonic=lambda: float(sink.accepted)))
    monkeypatch.setattr(draining, "MAX_SECONDS", 3.0)
    enqueue_import(note, 20)
    assert drain() == 3
    assert not Message.objects.filter(state=MessageState.SENDING).exists()
    assert Message.objects.filter(state=MessageState.QUEUED).count() == 17
    assert any(job["queueing_lock"] and job["priority"] == 0 for job in list_waiting_jobs("mailing.drain"))


def test_the_next_job_of_a_deferred_single_message_has_its_priority(nimes, sink, note):
    sink.behaviour.recipients["seul@exemple.example"] = "451 4.7.1 Greylisted"
    operations.enqueue(kind=note, recipient="seul@exemple.example", at=timezone.now())
    drain()
    [job] = [job for job in list_waiting_jobs("mailing.drain") if job["scheduled_at"]]
    assert job["priority"] == SINGLE_MESSAGE_PRIORITY


def test_a_worker_whose_clock_is_ahead_takes_no_message_that_another_is_sending(nimes, sink, queue, monkeypatch):
    queue(3)
    held = dispatch.claim(limit=3, at=timezone.now())
    monkeypatch.setattr("django.utils.timezone.datetime", ClockAhead)
    assert timezone.now() > held[0].lease_until
    assert drain() == 0
    assert sink.accepted == 0
    assert {message.lease_until for message in Message.objects.all()} == {held[0].lease_until}


def test_a_web_server_whose_clock_is_ahead_cancels_no_message_that_is_being_sent(nimes, queue):
    [message] = queue()
    Message.objects.update(topic="allocation", topic_id=1)
    dispatch.claim(limit=1, at=timezone.now())
    assert operations.cancel("allocation", [1], timezone.now() + datetime.timedelta(seconds=400)) == 0
    message.refresh_from_db()
    assert message.state == MessageState.SENDING
