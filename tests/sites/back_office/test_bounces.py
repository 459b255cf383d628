"""The operator's pages of refused addresses and of the bounce mailbox."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from bounces.models import BounceMailbox, FailedSending, RefusedAddress, UnreadMail
from mailing import operations, refusals
from mailing.models import Message, MessageState
from tests.sites.back_office.pages import page_text

HOUR = datetime.timedelta(hours=1)
REASON = "Cette adresse n'existe pas."


@pytest.fixture
def now():
    return timezone.now()


def read_home(operator):
    return page_text(operator.get("/admin/"))


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
    assert "1 adresse n'est plus refusée" in page_text(answer).replace("’", "'")
    assert not RefusedAddress.objects.exists()
    with tenant_context(nimes):
        message.refresh_from_db()
        assert (message.state, message.refusal) == (MessageState.QUEUED, "")


@pytest.mark.slow
def test_what_waits_in_the_mailbox_and_what_keeps_it_from_being_read_are_work(operator, now):
    failure, left = "La boîte des retours ne répond pas.", "Boîte des retours : 1 mail attend une lecture"
    never = "Aucune boîte n'a encore été relevée"
    assert never in page_text(operator.get("/admin/bounces/bouncemailbox/")).replace("’", "'")
    BounceMailbox.objects.create(read_at=now)
    assert never not in page_text(operator.get("/admin/bounces/bouncemailbox/")).replace("’", "'")
    assert not [words for words in (failure, left) if words in read_home(operator)]
    UnreadMail.objects.create(
        uid_validity=1, uid=1, cause="no_report", sender="a@b.example", subject="Merci", size=9, found_at=now
    )
    # A mail server that restarts is no work.
    for since, expected in ((now - HOUR / 2, [left]), (now - 2 * HOUR, [failure, left])):
        BounceMailbox.objects.update(failing_since=since, failure=failure)
        assert [words for words in (failure, left) if words in read_home(operator)] == expected
    for path, words in (("unreadmail", "Merci"), ("bouncemailbox", failure)):
        assert words in page_text(operator.get(f"/admin/bounces/{path}/"))


@pytest.mark.slow
def test_a_sending_that_fails_is_work_until_the_operator_has_seen_it(operator, now):
    fields = {"kind": "key", "queued_at": now, "found_at": now}
    FailedSending.objects.create(schema="c_nimes", handled=129, lost=37, **fields)
    portals = FailedSending.objects.create(schema="public", handled=51, lost=20, **fields)
    assert "2 envois échouent : 57 des 180 e-mails non remis" in read_home(operator)
    path = "/admin/bounces/failedsending/"
    page = page_text(operator.get(f"{path}?seen_at__isempty=1"))
    assert "c_nimes" in page
    assert "portail" in page
    action = {"action": "mark_seen", "_selected_action": [portals.pk]}
    answer = operator.post(path, action, follow=True)
    assert "1 envoi est noté comme vu." in page_text(answer)
    operator.post(path, action)
    assert "1 envoi échoue : 37 des 129 e-mails non remis" in read_home(operator)
    assert operator.get(f"{path}{portals.pk}/change/").status_code == 200
