from __future__ import annotations

import datetime

from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from mailing.models import Message, MessageState
from mailing.sweep import sweep
from tests.waiting_jobs import list_waiting_jobs

MINUTE = datetime.timedelta(minutes=1)


def lose_all_jobs():
    ProcrastinateJob.objects.all()._raw_delete("default")  # noqa: SLF001 - the model is read-only on purpose


def test_an_overdue_message_whose_job_is_gone_gets_another(nimes, queue):
    queue(3)
    lose_all_jobs()
    assert sweep(at=timezone.now() + MINUTE) == []
    assert sweep(at=timezone.now() + 3 * MINUTE) == ["c_nimes"]
    assert sweep(at=timezone.now() + 3 * MINUTE) == ["c_nimes"]
    assert len(list_waiting_jobs("mailing.drain", schema="c_nimes")) == 1


def test_an_expired_lease_is_overdue_and_a_current_one_is_not(nimes, queue):
    [message] = queue(1)
    lose_all_jobs()
    now = timezone.now()
    Message.objects.filter(pk=message.pk).update(
        state=MessageState.SENDING, lease_until=now + 10 * MINUTE, due_at=now - 10 * MINUTE
    )
    assert sweep(at=now + 9 * MINUTE) == []
    assert sweep(at=now + 13 * MINUTE) == ["c_nimes"]


def test_sent_messages_are_left_alone(nimes, queue):
    [message] = queue(1)
    Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, sent_at=timezone.now())
    assert sweep(at=timezone.now() + 3 * MINUTE) == []
