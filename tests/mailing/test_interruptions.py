"""Messages that a server may have accepted: how often they are sent again, and what is told about them."""

import datetime

import pytest
from django.db.models import F
from django.utils import timezone

from mailing import dispatch, operations, personal_data, smtp_replies
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from tests.waiting_jobs import list_waiting_jobs

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def interrupted(nimes, sink, note):
    """A message whose line broke after the server had accepted it."""
    sink.behaviour.drop_recipients = {"ecole@exemple.example"}
    sink.behaviour.stores_dropped = True
    message = operations.enqueue(
        kind=note, recipient="ecole@exemple.example", topic="allocation", topic_id=7, at=timezone.now()
    )
    assert drain() == 0
    assert sink.accepted == 1
    message.refresh_from_db()
    assert message.state == MessageState.DEFERRED
    return message


@pytest.fixture
def emitted(monkeypatch):
    """The types of the events that are emitted."""
    types = []
    monkeypatch.setattr("webhooks.operations.emit", lambda **emission: types.extend(e.type for e in emission["events"]))
    return types


def in_two_hours():
    return timezone.now() + 121 * MINUTE


@pytest.mark.slow
def test_a_line_that_breaks_each_time_is_waited_for_longer_and_longer_then_left(interrupted, sink, emitted):
    message, now, waits = interrupted, timezone.now(), []
    while message.state == MessageState.DEFERRED:
        waits.append(message.due_at - now)
        now = message.due_at
        drain(clock=lambda: now)  # noqa: B023
        message.refresh_from_db()
    assert [round(wait / MINUTE) for wait in waits] == [2, 10, 30, 120]
    assert sink.accepted == smtp_replies.MAX_INTERRUPTIONS == 5
    assert len({str(received.email["Message-ID"]) for received in sink.received}) == 1
    assert message.state == MessageState.FAILED
    assert "s'est interrompue 5 fois" in message.reason
    assert "peut-être arrivé" in message.reason
    assert emitted == ["message.failed"]
    drain(clock=lambda: now + datetime.timedelta(days=9))
    assert sink.accepted == 5


def test_a_message_that_arrives_at_last_is_sent_without_a_doubt(interrupted, sink):
    sink.behaviour.drop_recipients.clear()
    assert drain(clock=in_two_hours) == 1
    interrupted.refresh_from_db()
    assert (interrupted.state, interrupted.reason, interrupted.unanswered) == (MessageState.SENT, "", 0)


def test_cancelling_what_may_have_been_accepted_shows_it_as_sent(interrupted):
    operations.cancel("allocation", [7], timezone.now())
    interrupted.refresh_from_db()
    assert interrupted.state == MessageState.SENT
    assert interrupted.sent_at == interrupted.handed_over_at
    assert interrupted.reason == smtp_replies.PERHAPS_ACCEPTED


def test_what_may_have_been_accepted_and_is_obsolete_is_shown_as_sent(interrupted):
    Message.objects.update(context={"lapsed": True})
    assert drain(clock=in_two_hours) == 0
    interrupted.refresh_from_db()
    assert interrupted.state == MessageState.SENT
    assert interrupted.reason == f"{smtp_replies.PERHAPS_ACCEPTED} La clé a été reprise."


def test_what_may_have_been_accepted_and_is_then_refused_is_shown_as_sent_with_the_answer(interrupted, sink, emitted):
    sink.behaviour.recipients["ecole@exemple.example"] = "550 5.1.1 User unknown"
    assert drain(clock=in_two_hours) == 0
    interrupted.refresh_from_db()
    assert interrupted.state == MessageState.SENT
    assert interrupted.explanation.startswith(smtp_replies.PERHAPS_ACCEPTED)
    assert interrupted.server_answer == "550 5.1.1 User unknown"
    assert emitted == []


def test_an_answer_other_than_acceptance_keeps_an_earlier_doubt(interrupted, sink):
    sink.behaviour.recipients["ecole@exemple.example"] = "451 4.7.1 Greylisted"
    drain(clock=in_two_hours)
    interrupted.refresh_from_db()
    assert (interrupted.state, interrupted.unanswered) == (MessageState.DEFERRED, 1)


def test_erasing_the_person_keeps_that_the_message_left(interrupted):
    personal_data.anonymise(personal_data.filter_by_topic("allocation", [7]))
    interrupted.refresh_from_db()
    assert (interrupted.state, interrupted.recipient) == (MessageState.SENT, "")


def test_only_the_group_in_flight_of_a_dead_worker_may_have_been_accepted(nimes, sink, queue):
    queue(3, topic="n")
    now = timezone.now()
    claimed = dispatch.claim(limit=3, at=now)
    assert dispatch.record_group([], claimed[:1], at=now) == {claimed[0].pk}
    # The worker dies here. Its successor finds the lease over.
    Message.objects.update(lease_until=now - MINUTE)
    Message.objects.filter(pk__in=[message.pk for message in claimed]).update(topic="allocation", topic_id=F("pk"))
    operations.cancel("allocation", [message.pk for message in claimed], now)
    states = list(Message.objects.order_by("pk").values_list("state", flat=True))
    assert states == [MessageState.SENT, MessageState.CANCELLED, MessageState.CANCELLED]


def test_a_group_is_noted_as_handed_over_before_it_is_rendered_and_is_ten_at_most(nimes, sink, queue, monkeypatch):
    queue(25)
    seen = []
    record = dispatch.record_group

    def note(*arguments, **fields):
        recorded = record(*arguments, **fields)
        seen.append(Message.objects.filter(unanswered=1).count())
        return recorded

    monkeypatch.setattr("mailing.dispatch.record_group", note)
    assert drain() == 25
    assert seen == [10, 10, 5, 0]
    assert set(Message.objects.values_list("state", "unanswered")) == {(MessageState.SENT, 0)}


def test_what_is_in_doubt_is_a_group_of_its_own(nimes, sink, queue, monkeypatch):
    doubtful, *_ = queue(3)
    Message.objects.filter(pk=doubtful.pk).update(unanswered=2)
    groups = []
    record = dispatch.record_group

    def note(accepted, following, **fields):
        groups.append([message.pk == doubtful.pk for message in following])
        return record(accepted, following, **fields)

    monkeypatch.setattr("mailing.dispatch.record_group", note)
    assert drain() == 3
    assert groups == [[True], [False, False], []]


def test_a_group_that_the_server_takes_no_more_of_is_in_no_doubt(nimes, sink, queue):
    sink.behaviour.sender = "421 4.3.2 Closing"
    queue(12)
    assert drain() == 0
    assert set(Message.objects.values_list("state", "unanswered")) == {(MessageState.DEFERRED, 0)}


def test_a_slow_server_s_answers_are_recorded_one_by_one(nimes, sink, queue, monkeypatch):
    monkeypatch.setattr(dispatch, "_RECORDED_WITHIN", 0)
    queue(3)
    counts = []
    record = dispatch.record_group

    def note(accepted, following, **fields):
        counts.append(len(accepted))
        return record(accepted, following, **fields)

    monkeypatch.setattr("mailing.dispatch.record_group", note)
    assert drain() == 3
    assert [count for count in counts if count] == [1, 1, 1]


def test_a_group_tells_which_leases_were_lost(nimes, queue):
    queue(2)
    now = timezone.now()
    first, second = dispatch.claim(limit=2, at=now)
    Message.objects.filter(pk=second.pk).update(lease_until=now + 60 * MINUTE)
    accepted = [dispatch.Acceptance(one, f"<{one.pk}@x>", now) for one in (first, second)]
    assert dispatch.record_group(accepted, [], at=now) == {first.pk}
    assert list(Message.objects.order_by("pk").values_list("state", "message_id")) == [
        (MessageState.SENT, f"<{first.pk}@x>"),
        (MessageState.SENDING, ""),
    ]


def test_an_acceptance_is_recorded_though_the_lease_was_lost_and_the_message_cancelled(nimes, queue):
    [message] = queue()
    now = timezone.now()
    [claimed] = dispatch.claim(limit=1, at=now)
    Message.objects.filter(pk=message.pk).update(state=MessageState.CANCELLED, lease_until=None)
    assert dispatch.record_accepted(claimed, message_id="<1@x>", at=now)
    message.refresh_from_db()
    assert (message.state, message.sent_at, message.message_id) == (MessageState.SENT, now, "<1@x>")


def test_an_acceptance_does_not_disturb_another_worker_nor_an_erased_person(nimes, queue):
    queue(2)
    now = timezone.now()
    first, second = dispatch.claim(limit=2, at=now)
    Message.objects.filter(pk=first.pk).update(lease_until=now + 60 * MINUTE)
    Message.objects.filter(pk=second.pk).update(state=MessageState.CANCELLED, lease_until=None, recipient="")
    assert not dispatch.record_accepted(first, message_id="<1@x>", at=now)
    assert not dispatch.record_accepted(second, message_id="<2@x>", at=now)


@pytest.mark.slow
def test_one_recipient_that_closes_the_line_is_deferred_alone(nimes, sink, queue):
    sink.behaviour.recipients["ecole0@exemple.example"] = "421 4.7.0 Not now"
    queue(50)
    assert drain() == 49
    [deferred] = Message.objects.filter(state=MessageState.DEFERRED)
    assert deferred.recipient == "ecole0@exemple.example"
    assert deferred.attempts == 1
    assert deferred.server_answer == "421 4.7.0 Not now"
    assert deferred.due_at >= timezone.now() + 4 * MINUTE
    assert sink.connections == 3


def test_a_server_that_closes_over_every_recipient_is_unavailable(nimes, sink, queue):
    queue(20)
    for number in range(20):
        sink.behaviour.recipients[f"ecole{number}@exemple.example"] = "421 4.3.2 Closing"
    assert drain() == 0
    assert Message.objects.filter(state=MessageState.DEFERRED).count() == 20
    assert Message.objects.filter(attempts__gt=0).count() == 1
    assert sink.connections == 4
    assert list_waiting_jobs("mailing.drain")


@pytest.mark.slow
def test_two_recipients_in_a_row_that_close_the_line_hold_up_the_others_for_one_drain(nimes, sink, queue):
    for number in range(2):
        sink.behaviour.recipients[f"ecole{number}@exemple.example"] = "421 4.7.0 Not now"
    queue(10)
    drain()
    assert drain(clock=lambda: timezone.now() + 3 * MINUTE) == 8
