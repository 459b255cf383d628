"""Events about one subject gather in the message that waits: none is lost, none is told twice.

The races fail without the locks of `enqueue_gathered`.
"""

import datetime
import functools
import threading
from typing import Any

import pytest
from django.db import transaction

from mailing import dispatch, personal_data
from mailing.models import Message, MessageState
from mailing.operations import enqueue_gathered
from tests.conftest import TERM
from tests.races import run_concurrently, wait_for_blocked_session
from tests.waiting_jobs import list_waiting_jobs
from tests.waits import wait_until

MINUTE = datetime.timedelta(minutes=1)
PERIOD = 30 * MINUTE
DUE = TERM + PERIOD
#: Long enough for the other thread to meet the lock.
MEANWHILE = 0.3


def gather(number, at=TERM, **fields):
    """Gather an event of this number, about one subject unless told otherwise."""
    subject: dict[str, Any] = {"recipient": "direction@exemple.example", "topic_id": 7, "context": {"user": 1}}
    return enqueue_gathered(kind="note", event=[number], at=at, period=PERIOD, topic="subscription", **subject | fields)


def list_events():
    """Return the events of each message, in order."""
    return [[number for [number] in message.context["events"]] for message in Message.objects.order_by("pk")]


def test_events_of_one_subject_gather_in_one_message_due_after_the_first(nimes):
    gather(1)
    gather(2, at=TERM + 29 * MINUTE)
    message = Message.objects.get()
    assert (message.created_at, message.due_at, message.context["user"]) == (TERM, DUE, 1)
    assert list_events() == [[1, 2]]
    [job] = list_waiting_jobs("mailing.drain")
    assert job["scheduled_at"] == DUE


def test_each_recipient_account_and_subject_has_a_message_of_its_own(nimes):
    gather(1)
    gather(2, recipient="autre@exemple.example")
    gather(3, topic_id=8)
    gather(4, context={"user": 2})  # another account of the same mailbox
    assert list_events() == [[1], [2], [3], [4]]


def test_an_event_after_the_message_left_begins_a_new_one(nimes):
    gather(1)
    [message] = dispatch.claim(limit=10, at=DUE)
    gather(2, at=DUE)
    dispatch.record_accepted(message, message_id="<1@exemple.example>", at=DUE)
    gather(3, at=DUE)
    assert list_events() == [[1], [2, 3]]


@pytest.mark.parametrize(
    ("fields", "gathers"),
    [
        ({"state": MessageState.DEFERRED, "attempts": 1}, True),
        ({"unanswered": 1}, False),  # perhaps accepted: it may never be rendered again
        ({"state": MessageState.HELD}, False),
        ({"state": MessageState.CANCELLED}, False),
        ({"state": MessageState.SENDING, "lease_until": TERM}, False),
    ],
)
def test_only_what_will_surely_be_rendered_gathers(nimes, fields, gathers):
    gather(1)
    Message.objects.update(**fields)
    gather(2)
    assert list_events() == ([[1, 2]] if gathers else [[1], [2]])


def test_the_message_of_an_account_that_is_closed_gathers_no_more(nimes):
    gather(1)
    personal_data.anonymise(personal_data.filter_by_user(1))
    gather(2)
    erased, message = Message.objects.order_by("pk")
    assert (erased.state, erased.context, message.context["events"]) == (MessageState.CANCELLED, {}, [[2]])


def test_an_event_that_is_rolled_back_was_never_added(nimes):
    gather(1)
    with transaction.atomic():
        gather(2)
        transaction.set_rollback(True)
    assert list_events() == [[1]]


def test_two_events_that_find_no_message_begin_one(committing):
    begun = threading.Event()

    def begin():
        with transaction.atomic():
            gather(1)
            begun.set()
            wait_for_blocked_session()

    def follow():
        wait_until(begun.is_set)
        gather(2)

    run_concurrently(committing.schema_name, [begin, follow], expected_errors=())
    assert list_events() == [[1, 2]]


def test_a_worker_skips_a_message_to_which_an_event_is_being_added(committing, monkeypatch):
    gather(1)
    reading, looked = threading.Event(), threading.Event()
    save = Message.save

    def save_later(self, **fields):
        reading.set()
        wait_until(looked.is_set)
        save(self, **fields)

    def claim():
        wait_until(reading.is_set)
        claimed = dispatch.claim(limit=10, at=DUE)
        looked.set()
        return claimed

    monkeypatch.setattr(Message, "save", save_later)
    _, claimed = run_concurrently(committing.schema_name, [functools.partial(gather, 2), claim], expected_errors=())
    assert claimed == []
    [message] = dispatch.claim(limit=10, at=DUE)
    assert message.context["events"] == [[1], [2]]


def test_an_event_is_not_added_to_a_message_that_a_worker_is_claiming(committing):
    gather(1)
    claiming = threading.Event()

    def claim():
        with transaction.atomic():
            [message] = dispatch.claim(limit=10, at=DUE)
            claiming.set()
            wait_for_blocked_session()
            return message

    def follow():
        wait_until(claiming.is_set)
        gather(2, at=DUE)

    claimed, _ = run_concurrently(committing.schema_name, [claim, follow], expected_errors=())
    assert claimed.context["events"] == [[1]]
    assert list_events() == [[1], [2]]


@pytest.mark.slow
def test_of_many_events_and_workers_at_once_each_event_is_claimed_once(committing):
    def claim():
        return dispatch.claim(limit=10, at=DUE + PERIOD)

    for turn in range(5):
        numbers = range(turn * 12, turn * 12 + 12)
        actions = [functools.partial(gather, number, at=DUE) for number in numbers]
        outcomes = run_concurrently(
            committing.schema_name, [*actions[:6], claim, claim, *actions[6:], claim], expected_errors=()
        )
        claimed = [message for outcome in outcomes if isinstance(outcome, list) for message in outcome] + claim()
        events = [number for message in claimed for [number] in message.context["events"]]
        assert sorted(events) == list(numbers)
