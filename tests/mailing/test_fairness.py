"""A single letter does not wait for the thousands of another office: a real worker, a slow mail server."""

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from mailing import operations
from mailing.models import Message, MessageState
from tenants.models import Collectivity
from tests.waits import wait_until
from tests.workers import running_worker


def enqueue(count):
    batch = [operations.NewMessage(kind="note", recipient=f"ecole{n}@exemple.example") for n in range(count)]
    operations.enqueue_many(batch, at=timezone.now())


@pytest.mark.slow
def test_a_single_letter_waits_for_no_bulk_of_another_office(committing, sink, note):
    sink.behaviour.delay = 0.02
    enqueue(3000)
    with running_worker(SMTP_HOST=sink.hostname, SMTP_PORT=str(sink.port)):
        # All threads of the bulk are at work for a minute.
        wait_until(lambda: sink.accepted >= 100)
        with tenant_context(Collectivity.objects.get(slug="gard")):
            letter = operations.enqueue(kind="note", recipient="seule@exemple.example", at=timezone.now())
            wait_until(lambda: Message.objects.filter(pk=letter.pk, state=MessageState.SENT).exists())
    assert sink.accepted < 3000


@pytest.mark.slow
def test_a_single_letter_of_an_office_does_not_make_its_thread_send_the_bulk(committing, sink, note):
    sink.behaviour.delay = 0.02
    enqueue(3000)
    operations.enqueue(kind="note", recipient="seule@exemple.example", at=timezone.now())
    with running_worker("--queues", "mail", SMTP_HOST=sink.hostname, SMTP_PORT=str(sink.port)) as process:
        wait_until(lambda: sink.accepted >= operations.MESSAGES_PER_SINGLE_JOB)
        waiting = ProcrastinateJob.objects.filter(queue_name="mail", status__in=["todo", "doing"])
        wait_until(lambda: not waiting.exists())
        assert process.poll() is None
    assert sink.accepted == operations.MESSAGES_PER_SINGLE_JOB
