"""Reading the bounce mailbox of a real IMAP server: what is recorded, what is marked, what is left to a person."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from bounces.imap import ImapMailbox
from bounces.models import BounceMailbox, RefusedAddress, UnreadMail
from mailing import bounce_mailbox, tasks
from mailing.dispatch import drain
from mailing.mime import build_message_id
from mailing.models import Message, MessageState
from tests.mailing.delivery_notices import get_states, read_bounces, read_notice, report_on
from tests.waiting_jobs import list_waiting_jobs

pytestmark = pytest.mark.slow


def list_left():
    return list(UnreadMail.objects.order_by("uid").values_list("cause", flat=True))


def test_each_report_is_noted_on_its_message_and_marked_as_read(mailbox, sent):
    first, second, third = sent
    mailbox.append(
        report_on(first, "postfix_unknown"), report_on(second, "zimbra_delivered"), report_on(third, "postfix_delayed")
    )
    assert read_bounces() == {"reports": 3}
    assert get_states() == [MessageState.BOUNCED, MessageState.DELIVERED, MessageState.SENT]
    first, second, third = Message.objects.order_by("pk")
    assert first.explanation == "Cette adresse n'existe pas : corrigez-la et renvoyez le message."
    assert first.server_answer.startswith("550 5.1.1 <ecole0@exemple.example>: Recipient address rejected")
    assert (second.reason, second.delayed_until) == ("", None)
    assert third.delayed_until == datetime.datetime(2026, 11, 29, 9, 0, 3, tzinfo=datetime.UTC)
    assert "fait attendre" in third.explanation
    assert all(message.reported_at for message in (first, second, third))
    assert mailbox.list_flags() == [True, True, True]
    assert list(RefusedAddress.objects.values_list("address", flat=True)) == ["ecole0@exemple.example"]


def test_a_mail_that_is_read_again_changes_nothing(mailbox, sent, monkeypatch):
    mailbox.append(report_on(sent[0], "gmail_unknown"), report_on(sent[1], "postfix_delayed"))
    monkeypatch.setattr(ImapMailbox, "mark_seen", lambda *_: None)
    read_bounces()
    before = list(Message.objects.order_by("pk").values())
    read_bounces()
    assert list(Message.objects.order_by("pk").values()) == before
    assert mailbox.list_flags() == [False, False]


def test_nothing_is_marked_before_what_it_says_is_committed(mailbox, sent, monkeypatch):
    mailbox.append(report_on(sent[0], "gmail_unknown"))
    monkeypatch.setattr(bounce_mailbox, "record_reports", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read_bounces()
    assert mailbox.list_flags() == [False]
    monkeypatch.undo()
    assert mailbox.list_flags() == [False]


def test_a_forged_report_marks_no_message(mailbox, sent):
    genuine = build_message_id(sent[0])
    unsigned = f"{genuine[: genuine.index('@') - 20]}{'0' * 20}@peps.localhost>"
    of_another = genuine.replace(f".{sent[0].pk}.", f".{sent[1].pk}.")
    for message_id in (unsigned, of_another):
        mailbox.append(read_notice("postfix_unknown", message_id=message_id))
    read_bounces()
    assert get_states() == [MessageState.SENT] * 3
    assert list_left() == ["not_ours", "not_ours"]
    assert not RefusedAddress.objects.exists()


def test_what_nobody_wrote_is_marked_and_what_somebody_wrote_is_left(mailbox, sent):
    mailbox.append(report_on(sent[0], "zimbra_absence"), report_on(sent[0], "person"))
    assert read_bounces() == {"auto_replies": 1, "left": 1}
    assert mailbox.list_flags() == [True, False]
    left = UnreadMail.objects.get()
    assert (left.cause, left.sender) == ("no_report", "ecole0@exemple.example")
    assert get_states() == [MessageState.SENT] * 3
    assert read_bounces() == {}
    with schema_context("public"), ImapMailbox() as box:
        box.mark_seen([left.uid])
    read_bounces()
    assert not UnreadMail.objects.exists()


def test_a_mail_too_large_is_counted_and_not_fetched(mailbox, sent, monkeypatch):
    monkeypatch.setattr(bounce_mailbox, "MAX_MAIL_BYTES", 4000)
    mailbox.append(report_on(sent[0], "qmail_unknown"), b"Subject: grand\r\n\r\n" + b"x" * 5000)
    read_bounces()
    assert list_left() == ["too_large"]
    assert mailbox.list_flags() == [True, False]
    assert get_states()[0] == MessageState.BOUNCED


def test_an_alias_of_which_one_mailbox_has_the_message_has_not_bounced(mailbox, sent):
    failed = report_on(sent[0], "postfix_unknown")
    group = b"\r\nFinal-Recipient: rfc822; autre@exemple.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
    end = failed.index(b"\r\n--2B1C2E01F0", failed.index(b"Diagnostic-Code"))
    mailbox.append(failed[:end] + group + failed[end:])
    read_bounces()
    assert get_states()[0] == MessageState.SENT
    assert list_left() == ["unclear"]


def test_where_a_message_was_forwarded_its_own_address_is_not_refused(mailbox, sent):
    report = report_on(sent[0], "gmail_unknown")
    content = report.replace(b"rfc822; ecole0@exemple.example", b"rfc822; perso@exemple.example")
    mailbox.append(content)
    read_bounces()
    assert get_states()[0] == MessageState.BOUNCED
    assert not RefusedAddress.objects.exists()


def test_what_keeps_a_mailbox_from_being_read_is_shown_without_the_password(mailbox, sent, settings, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("un-mauvais-secret")
    place = settings.BOUNCE_MAILBOX
    settings.BOUNCE_MAILBOX = place._replace(password_file=str(wrong))
    read_bounces()
    row = BounceMailbox.objects.get()
    assert row.failure == "Le serveur de la boîte des retours refuse l'identifiant ou le mot de passe."
    since = row.failing_since
    settings.BOUNCE_MAILBOX = place._replace(port=1)
    read_bounces()
    row.refresh_from_db()
    assert (row.failure, row.failing_since) == ("La boîte des retours ne répond pas.", since)
    settings.BOUNCE_MAILBOX = place
    read_bounces()
    row.refresh_from_db()
    assert (row.failure, row.failing_since) == ("", None)
    assert row.read_at <= timezone.now()


def test_the_reading_is_queued_once_where_there_is_a_mailbox(mailbox, db, settings):
    with schema_context("public"):
        tasks.queue_bounces()
        tasks.queue_bounces()
        assert len(list_waiting_jobs("mailing.read_bounces")) == 1
        tasks.read_bounces()
        assert BounceMailbox.objects.get().failure == ""
        settings.BOUNCE_MAILBOX = None
        BounceMailbox.objects.all().delete()
        tasks.read_bounces()
        assert not BounceMailbox.objects.exists()


@pytest.mark.small
def test_a_message_says_the_envelope_sender_of_the_settings(nimes, sink, queue, settings):
    settings.BOUNCE_ADDRESS = "retours@peps.localhost"
    queue(1)
    drain()
    [received] = sink.received
    assert received.sender == "retours@peps.localhost"
    assert str(received.email["From"]).endswith("<ne-pas-repondre@peps.localhost>")
