"""The operator's pages of refused addresses and of the bounce mailbox."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from bounces.models import BounceMailbox, RefusedAddress, UnreadMail
from mailing import operations, refusals
from mailing.models import Message, MessageState
from sites.back_office.work_items import list_work_items

HOUR = datetime.timedelta(hours=1)
REASON = "Cette adresse n'existe pas."


@pytest.fixture
def now():
    return timezone.now()


def list_sentences(now):
    with schema_context("public"):
        return {item.sentence: item.urgent for item in list_work_items(now)}


def test_an_address_is_written_to_again_by_the_operator(operator, nimes, now):
    refusals.refuse({"a@exemple.example": REASON}, at=now)
    with tenant_context(nimes):
        message = operations.enqueue(kind="invitation", recipient="A@exemple.example", at=now)
        Message.objects.filter(pk=message.pk).update(state=MessageState.HELD, refusal="waiting", reason=REASON)
        refusals.note_waiting(message.recipient)
    page = operator.get("/admin/bounces/refusedaddress/").content.decode()
    assert "a@exemple.example" in page
    assert "c_nimes" in page
    row = RefusedAddress.objects.get()
    answer = operator.post(
        "/admin/bounces/refusedaddress/", {"action": "forget", "_selected_action": [row.pk]}, follow=True
    )
    assert "1 adresse n’est plus refusée" in answer.content.decode().replace("'", "’").replace("&#x27;", "’")
    assert not RefusedAddress.objects.exists()
    with tenant_context(nimes):
        message.refresh_from_db()
        assert (message.state, message.refusal) == (MessageState.QUEUED, "")


def test_what_waits_in_the_mailbox_and_what_keeps_it_from_being_read_are_work(operator, now):
    assert not [sentence for sentence in list_sentences(now) if "retours" in sentence]
    BounceMailbox.objects.create(read_at=now)
    assert not [sentence for sentence in list_sentences(now) if "retours" in sentence]
    UnreadMail.objects.create(
        uid_validity=1, uid=1, cause="no_report", sender="a@b.example", subject="Merci", size=9, found_at=now
    )
    failure = "La boîte des retours ne répond pas."
    BounceMailbox.objects.update(failing_since=now - 2 * HOUR, failure=failure)
    found = list_sentences(now)
    assert found["Boîte des retours : 1 mail attend une lecture"] is False
    assert found[failure] is True
    assert failure not in list_sentences(now - 90 * datetime.timedelta(minutes=1))
    for path, words in (("unreadmail", "Merci"), ("bouncemailbox", failure)):
        page = operator.get(f"/admin/bounces/{path}/")
        assert words in page.content.decode().replace("&#x27;", "'")
