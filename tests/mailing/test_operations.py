from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from mailing import operations, queries
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
