import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_tenants.utils import tenant_context

from mailing import operations, personal_data, queries
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from mailing.operations import NewMessage
from tests.conftest import TERM
from tests.waiting_jobs import list_waiting_jobs

HOUR = datetime.timedelta(hours=1)


def test_a_message_is_queued_with_its_job(nimes):
    message = operations.enqueue(
        kind="note", recipient="a@exemple.example", at=TERM, topic="allocation", topic_id=7, context={"n": 1}
    )
    assert message.state == MessageState.QUEUED
    assert (message.created_at, message.due_at) == (TERM, TERM)
    [job] = list_waiting_jobs("mailing.drain")
    assert job["args"] == {"schema": "c_nimes", "limit": operations.MESSAGES_PER_SINGLE_JOB}
    assert job["scheduled_at"] is None


def test_a_message_due_later_has_its_job_later(nimes):
    operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM, due_at=TERM + HOUR)
    [job] = list_waiting_jobs("mailing.drain")
    assert job["scheduled_at"] == TERM + HOUR
    assert Message.objects.get().due_at == TERM + HOUR


def test_a_thousand_and_one_messages_take_three_jobs_and_few_statements(nimes, django_assert_num_queries):
    batch = [NewMessage(kind="note", recipient=f"{n}@exemple.example", topic="allocation", topic_id=n,
                      about=f"École « {n} »\t\\", context={"n": n}) for n in range(1001)]  # fmt: skip
    with django_assert_num_queries(5):  # search_path, savepoint, COPY, the three jobs, release
        assert operations.enqueue_many(batch, at=TERM) == 1001
    assert len(list_waiting_jobs("mailing.drain")) == 3
    first = Message.objects.order_by("pk").first()
    assert (first.recipient, first.topic_id, first.about, first.context) == (
        "0@exemple.example", 0, "École « 0 »\t\\", {"n": 0})  # fmt: skip
    assert (first.state, first.created_at, first.attempts) == (MessageState.QUEUED, TERM, 0)


def test_nothing_to_queue_queues_nothing(nimes):
    assert operations.enqueue_many([], at=TERM) == 0
    assert list_waiting_jobs("mailing.drain") == []


def test_a_rollback_leaves_neither_message_nor_job(nimes):
    with transaction.atomic():
        operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM)
        operations.enqueue_many([NewMessage(kind="note", recipient="b@exemple.example")], at=TERM)
        transaction.set_rollback(True)
    assert not Message.objects.exists()
    assert list_waiting_jobs("mailing.drain") == []


def test_cancelling_affects_pending_messages_only(nimes):
    messages = [
        operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM, topic="allocation", topic_id=n)
        for n in range(4)
    ]
    Message.objects.filter(pk=messages[1].pk).update(state=MessageState.SENT, sent_at=TERM)
    Message.objects.filter(pk=messages[2].pk).update(state=MessageState.SENDING, lease_until=timezone.now() + HOUR)
    assert operations.cancel("allocation", [0, 1, 2], TERM) == 1
    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == [
        MessageState.CANCELLED, MessageState.SENT, MessageState.SENDING, MessageState.QUEUED]  # fmt: skip


def test_a_message_that_its_renderer_holds_waits_until_it_is_released(nimes, sink, queue):
    [held] = queue(1, waits=True)
    queue(1)
    assert drain() == 1
    held.refresh_from_db()
    assert (held.state, held.reason, held.attempts) == (MessageState.HELD, "La clé attend le règlement.", 0)
    assert held.next_attempt_at is None
    later = timezone.now() + HOUR
    assert drain(clock=lambda: later) == 0
    held.refresh_from_db()
    assert held.state == MessageState.HELD
    assert operations.release_held(Message.objects.all(), at=later) == 1
    Message.objects.update(context={})
    assert drain(clock=lambda: later) == 1
    held.refresh_from_db()
    assert (held.state, held.reason) == (MessageState.SENT, "")


def test_a_thousand_and_one_held_messages_are_released_in_few_statements(nimes, django_assert_num_queries):
    batch = [NewMessage(kind="note", recipient=f"{n}@exemple.example") for n in range(1001)]
    operations.enqueue_many(batch, at=TERM)
    planned = len(list_waiting_jobs("mailing.drain"))
    assert operations.release_held(Message.objects.all(), at=TERM + HOUR) == 0
    Message.objects.update(state=MessageState.HELD, reason="La clé attend le règlement.")
    with django_assert_num_queries(5):  # savepoint, lock, UPDATE, the three jobs, release
        assert operations.release_held(Message.objects.all(), at=TERM + HOUR) == 1001
    assert len(list_waiting_jobs("mailing.drain")) == planned + 3
    assert set(Message.objects.values_list("state", "due_at", "reason")) == {(MessageState.QUEUED, TERM + HOUR, "")}


def test_a_held_message_is_cancelled_and_anonymised_as_a_pending_one(nimes):
    cancelled, erased, kept = (
        operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM, topic="allocation", topic_id=n)
        for n in range(3)
    )
    Message.objects.update(state=MessageState.HELD)
    assert operations.cancel("allocation", [cancelled.pk, 0], TERM) == 1
    personal_data.anonymise(Q(pk=erased.pk))
    # Not settled yet.
    personal_data.anonymise_settled("allocation")
    assert list(Message.objects.order_by("pk").values_list("state", "recipient")) == [
        (MessageState.CANCELLED, ""),
        (MessageState.CANCELLED, ""),
        (MessageState.HELD, kept.recipient),
    ]


def test_the_last_message_of_each_topic(nimes, django_assert_num_queries):
    for n in (1, 2, 1):
        last = operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM, topic="allocation", topic_id=n)
    operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM, topic="other", topic_id=1)
    with django_assert_num_queries(1):
        latest = queries.latest_by_topic("allocation", [1, 2, 3])
    assert latest.keys() == {1, 2}
    assert latest[1] == last


def test_each_schema_has_its_outbox(nimes, gard):
    operations.enqueue(kind="note", recipient="a@exemple.example", at=TERM)
    with tenant_context(gard):
        assert not Message.objects.exists()
