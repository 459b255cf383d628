"""A message is sent though the job that was to send it is lost; and nothing of that is locked by who writes."""

import datetime
import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context
from procrastinate.contrib.django.models import ProcrastinateJob

from jobs import due
from jobs.models import DueWork
from mailing import operations
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from tests.waiting_jobs import list_waiting_jobs
from tests.waits import wait_until

SOON = datetime.timedelta(minutes=3)


def lose_all_jobs():
    ProcrastinateJob.objects.all()._raw_delete("default")  # noqa: SLF001 - the model is read-only on purpose


@pytest.mark.parametrize("schema", ["c_nimes", "public"])
def test_a_message_whose_job_is_gone_gets_another(nimes, sink, queue, schema):
    with schema_context(schema):
        queue(3)
        lose_all_jobs()
        assert due.queue_due_work(at=timezone.now()) == []
        assert due.queue_due_work(at=timezone.now() + SOON) == [("mailing.drain", schema)]
        assert len(list_waiting_jobs("mailing.drain", schema=schema)) == 1
        assert drain() == 3


def test_a_message_that_a_lost_job_was_sending_leaves_when_its_lease_is_over(nimes, sink, queue):
    [message] = queue(1)
    now = timezone.now()
    Message.objects.filter(pk=message.pk).update(
        state=MessageState.SENDING, lease_until=now + datetime.timedelta(minutes=10), unanswered=1
    )
    lose_all_jobs()
    assert drain() == 0
    [job] = list_waiting_jobs("mailing.drain")
    assert job["scheduled_at"] >= now + datetime.timedelta(minutes=10)


def test_who_enqueues_touches_no_row_of_due_work(nimes, queue):
    """The portal's outbox is one for the whole country: its thousands would wait for each other."""
    with CaptureQueriesContext(connection) as captured, schema_context("public"):
        queue(1)
    assert not [one["sql"] for one in captured if DueWork._meta.db_table in one["sql"]]  # noqa: SLF001 - documented


def test_a_message_enqueued_while_a_lost_job_is_made_up_for_is_sent(committing, sink, queue):
    """The drain that the due work queued reads before the message is committed: its own job comes with it."""
    queue(1)
    lose_all_jobs()
    written, go_on = threading.Event(), threading.Event()

    def enqueue_slowly():
        with schema_context("c_nimes"), transaction.atomic():
            operations.enqueue(kind="note", recipient="lente@exemple.example", at=timezone.now(), context={})
            written.set()
            wait_until(go_on.is_set)
        connection.close()

    thread = threading.Thread(target=enqueue_slowly)
    thread.start()
    wait_until(written.is_set)
    assert due.queue_due_work(at=timezone.now() + SOON) == [("mailing.drain", "c_nimes")]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'todo'")
    assert drain() == 1
    go_on.set()
    thread.join()
    assert list_waiting_jobs("mailing.drain", schema="c_nimes")
    assert drain() == 1
    assert not DueWork.objects.filter(kind="mailing.drain").exists()
