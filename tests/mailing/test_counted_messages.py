"""Each e-mail is counted by what became of it."""

import datetime

import pytest
from django.utils import timezone

from mailing import dispatch
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.dispatch import drain
from mailing.mime import MessageReference, get_timestamp
from mailing.models import Message
from tests.figures import raised_figures


def test_accepted_and_refused_e_mails_are_counted(nimes, sink, queue):
    sink.behaviour.recipients["ecole1@exemple.example"] = "550 5.1.1 <ecole1@exemple.example>: User unknown"
    sink.behaviour.recipients["ecole2@exemple.example"] = "451 4.3.0 Later"
    queue(4)
    with raised_figures() as raised:
        drain()
    assert raised == {
        "peps_messages_total sent": 2, "peps_messages_total bounced": 1, "peps_messages_total deferred": 1,
    }  # fmt: skip


def test_what_waits_for_a_server_that_is_away_is_counted_and_what_a_worker_gives_back_is_not(nimes, queue):
    queue(2)
    at = timezone.now()
    claimed = dispatch.claim(limit=2, at=at)
    with raised_figures() as raised:
        dispatch.release(claimed[:1])
        dispatch.release(claimed[1:], due_at=at + datetime.timedelta(minutes=5), reason="absent")
    assert raised == {"peps_messages_total deferred": 1}


@pytest.mark.slow
def test_what_is_reported_afterwards_is_counted(nimes, sink, queue):
    queue(2)
    drain()
    first, second = Message.objects.order_by("pk")
    reports = [
        DeliveryReport(MessageReference("c_nimes", one.pk, get_timestamp(one)), fate, reason="Boîte pleine.")
        for one, fate in ((first, ReportedFate.DELIVERED), (second, ReportedFate.BOUNCED))
    ]
    with raised_figures() as raised:
        record_reports(reports, at=timezone.now())
        record_reports(reports, at=timezone.now())
    assert raised == {"peps_messages_total delivered": 1, "peps_messages_total bounced": 1}
