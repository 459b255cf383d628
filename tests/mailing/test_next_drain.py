"""When the next drain of an outbox starts: at once only if it can send something."""

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from mailing import operations
from mailing.dispatch import LOCKED_DELAY, drain
from mailing.models import Message
from tests.waiting_jobs import list_waiting_jobs
from tests.waits import wait_until

SECOND = datetime.timedelta(seconds=1)


def run_first_job():
    """Do what a worker does with the first job that is due; return False where none is."""
    due = [
        job
        for job in list_waiting_jobs("mailing.drain")
        if job["scheduled_at"] is None or job["scheduled_at"] <= timezone.now()
    ]
    if due:
        start(due[0])
    return bool(due)


def start(job):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job["id"]])
    drain()


@contextmanager
def locked_messages(schema):
    """Lock all messages in another transaction, as one that holds them back does, for the block."""
    locked, over = threading.Event(), threading.Event()

    def lock():
        with closing(connection), schema_context(schema), transaction.atomic():
            operations.hold_back("allocation", [1])
            locked.set()
            wait_until(over.is_set)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(lock)
        wait_until(locked.is_set)
        try:
            yield
        finally:
            over.set()
        running.result()


def test_messages_locked_by_another_are_looked_at_again_later_and_not_at_once(committing, sink, queue):
    queue(3)
    Message.objects.update(topic="allocation", topic_id=1)
    with locked_messages("c_nimes"):
        started_at = timezone.now()
        started = sum(1 for _ in range(20) if run_first_job())
        # The three that the messages came with.
        assert started == 3
        [waiting] = list_waiting_jobs("mailing.drain")
        assert started_at < waiting["scheduled_at"] <= timezone.now() + LOCKED_DELAY + SECOND
    # Whoever locked them may have died: the job that waits sends them.
    start(waiting)
    assert sink.accepted == 3
    assert list_waiting_jobs("mailing.drain") == []


@pytest.mark.slow
def test_a_job_that_waits_for_a_later_message_does_not_keep_due_ones_waiting(nimes, sink, queue):
    queue(30)
    now = (timezone.now() + 60 * SECOND).replace(second=10)
    Message.objects.filter(pk=queue()[0].pk).update(due_at=now + 40 * SECOND)
    drain(clock=lambda: now)
    planned = {job["scheduled_at"] for job in list_waiting_jobs("mailing.drain") if job["queueing_lock"]}
    assert planned == {(now + 41 * SECOND).replace(microsecond=0)}
    queue(20)
    drain(limit=10, clock=lambda: now)
    assert [job for job in list_waiting_jobs("mailing.drain") if job["queueing_lock"] and not job["scheduled_at"]]
