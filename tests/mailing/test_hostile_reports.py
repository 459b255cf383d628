"""Reports that somebody forged who got one letter: none breaks an office, none keeps the others from being read."""

import datetime
import imaplib
import time

import pytest
from django.db import IntegrityError, OperationalError, transaction
from pymap.mime.parsed import ParsedHeaders

from bounces.imap import ImapMailbox
from bounces.models import BounceMailbox, RefusedAddress, UnreadMail
from bounces.reports import MailKind, parse_mail
from mailing import delivery_reports
from mailing.models import Message, MessageState
from tests.mailing.delivery_notices import get_states, read_bounces, read_notice, report_on

NOTICE = b"From: MAILER-DAEMON@a.example\r\n\r\n"
OURS = "<c_nimes.12.643d1b2c3d4e5.0123456789abcdef0123@peps.localhost>"
HONEST_DATE = b"Sun, 29 Nov 2026 10:00:03 +0100 (CET)"


@pytest.mark.slow
@pytest.mark.parametrize(
    "date",
    [
        b"Fri, 31 Dec 9999 23:59:59 -1200",
        b"Fri, 31 Dec 9999 23:30:00 +0000",
        b"Sat, 31 Dec 2278 23:30:00 +0000",
        b"Fri, 31 Dec 9999 23:59:59 +99999999999999",
    ],
)
def test_a_forged_date_is_left_out_and_the_honest_report_beside_it_is_read(mailbox, sent, date):
    mailbox.append(
        report_on(sent[0], "postfix_delayed").replace(HONEST_DATE, date), report_on(sent[1], "gmail_unknown")
    )
    assert read_bounces() == {"reports": 2}
    assert get_states() == [MessageState.SENT, MessageState.BOUNCED, MessageState.SENT]
    delayed = Message.objects.get(pk=sent[0].pk)
    assert (delayed.delayed_until, bool(delayed.reported_at)) == (None, True)
    # What is reported of it next is read as well.
    mailbox.append(report_on(sent[0], "postfix_unknown"))
    assert read_bounces() == {"reports": 1}
    assert get_states()[0] == MessageState.BOUNCED


@pytest.mark.slow
def test_a_report_that_cannot_be_recorded_is_left_to_the_operator_and_the_others_are_read(mailbox, sent, monkeypatch):
    apply = delivery_reports._apply  # noqa: SLF001 - what fails is inside

    def refuse_second(message, report, at):
        if message.pk == sent[1].pk:
            raise OverflowError("date value out of range")
        return apply(message, report, at)

    monkeypatch.setattr(delivery_reports, "_apply", refuse_second)
    mailbox.append(*(report_on(message, "postfix_unknown") for message in sent))
    assert read_bounces() == {"reports": 2, "left": 1}
    assert get_states() == [MessageState.BOUNCED, MessageState.SENT, MessageState.BOUNCED]
    assert mailbox.list_flags() == [True, False, True]
    left = UnreadMail.objects.get()
    assert (left.cause, left.subject) == ("unrecorded", "Undelivered Mail Returned to Sender")
    assert RefusedAddress.objects.count() == 2
    # Not tried again each minute.
    assert read_bounces() == {}


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_no_fault_of_a_report(mailbox, sent, monkeypatch):
    def lose(*_):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(delivery_reports, "_apply", lose)
    mailbox.append(report_on(sent[0], "postfix_unknown"))
    with pytest.raises(OperationalError):
        read_bounces()
    assert mailbox.list_flags() == [False]
    assert not UnreadMail.objects.exists()


def test_the_database_refuses_a_date_that_python_cannot_read(sent):
    for moment in (
        datetime.datetime.max.replace(tzinfo=datetime.UTC),
        datetime.datetime(1899, 12, 31, 23, 59, tzinfo=datetime.UTC),
    ):
        with pytest.raises(IntegrityError, match="message_delayed_until_a_readable_date"), transaction.atomic():
            Message.objects.update(delayed_until=moment, reported_at=moment)


def build_parameters(count):
    return b"Content-Type: text/plain" + b"; a=1" * count + b"\r\n\r\nx"


def build_blocks(count):
    head = b"Content-Type: multipart/report; boundary=a\r\n\r\n--a\r\n\r\n" + b"x" * 50 * count
    status = b"\r\n--a\r\nContent-Type: message/delivery-status\r\n\r\n"
    return head + status + b"Final-Recipient: rfc822;a@b.c\r\nAction: failed\r\n\r\n" * count + b"\r\n--a--"


COSTLY = {
    "parameters": build_parameters(300_000),
    "further lines": b"Content-Type: text/plain" + b";\r\n a=1" * 150_000 + b"\r\n\r\nx",
    "one long header": b"From: " + b"a@b.c," * 150_000 + b"\r\n\r\nx",
    "headers": b"A: 1\r\n" * 160_000 + b"\r\nx",
    "parts": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\nx\r\n" * 100_000,
    "headers of a part": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + build_parameters(300_000),
    "recipients": build_blocks(2_000),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_mail_of_more_than_any_report_has_is_not_read_on(name):
    began = time.process_time()
    assert parse_mail(COSTLY[name]).kind is MailKind.TOO_COSTLY
    assert time.process_time() - began < 2


@pytest.mark.parametrize("text", [b"\n" * 150_000, b"-" * 150_000, b" \n" * 70_000])
def test_a_text_is_searched_in_a_time_by_its_length(text):
    began = time.process_time()
    assert parse_mail(NOTICE + text).kind is MailKind.OTHER
    assert time.process_time() - began < 2


def test_what_a_report_may_have_is_read():
    read_on = read_notice("postfix_unknown", message_id=OURS)
    filters = b"".join(b"X-Filter-%d: %s\r\n" % (number, b"a=1; " * 90) for number in range(300))
    mail = parse_mail(filters + b"X-Long: " + b"\r\n ".join([b"x" * 900] * 17) + b"\r\n" + read_on)
    assert (mail.kind, mail.recipients) == (MailKind.REPORT, parse_mail(read_on).recipients)


@pytest.mark.slow
def test_a_mail_that_costs_too_much_is_left_with_its_reason_and_the_report_beside_it_is_read(mailbox, sent):
    mailbox.append(build_parameters(1_000), report_on(sent[0], "postfix_unknown"))
    assert read_bounces() == {"reports": 1, "left": 1}
    assert UnreadMail.objects.get().cause == "too_costly"
    assert mailbox.list_flags() == [False, True]
    assert get_states()[0] == MessageState.BOUNCED


@pytest.mark.slow
def test_what_was_forged_to_stop_a_mailbox_keeps_no_honest_report_from_being_counted(mailbox, sent, monkeypatch):
    """All that broke the reading, at once and over IMAP: a year, 300,000 parameters, 20,000 line breaks."""
    # The test's server would read the parameters for minutes itself; it hands out whole mails, and needs none of them.
    monkeypatch.setattr(ParsedHeaders, "content_type", None)
    forged = report_on(sent[0], "postfix_delayed").replace(HONEST_DATE, b"Fri, 31 Dec 9999 23:59:59 -1200")
    breaks = NOTICE + b"\r\n" * 20_000 + b"Final-Recipient: rfc822; ecole0@exemple.example\r\n"
    mailbox.append(forged, build_parameters(300_000), breaks, report_on(sent[1], "gmail_unknown"))
    assert read_bounces() == {"reports": 2, "left": 2}
    assert get_states() == [MessageState.SENT, MessageState.BOUNCED, MessageState.SENT]
    # What is read is marked, what is left is not, and is listed with its reason; the next run finds nothing to do.
    assert mailbox.list_flags() == [True, False, False, True]
    assert list(UnreadMail.objects.order_by("uid").values_list("cause", flat=True)) == ["too_costly", "no_report"]
    row = BounceMailbox.objects.get()
    assert (row.reports, row.failure, bool(row.read_at)) == (2, "", True)
    assert read_bounces() == {}


@pytest.mark.slow
def test_a_mail_that_the_server_does_not_give_is_left_and_the_others_are_read(mailbox, sent, monkeypatch):
    mailbox.append(*(report_on(message, "postfix_unknown") for message in sent))
    ask = imaplib.IMAP4.uid
    with ImapMailbox() as box:
        second = sorted(box.list_unread())[1]

    def refuse_second(connection, command, uids, *rest):
        if command == "FETCH" and "BODY" in rest[0] and str(second) in uids.split(","):
            return "NO", [b"[SERVERBUG] This mail is damaged."]
        return ask(connection, command, uids, *rest)

    monkeypatch.setattr(imaplib.IMAP4, "uid", refuse_second)
    assert read_bounces() == {"reports": 2, "left": 1}
    assert list(UnreadMail.objects.values_list("uid", "cause")) == [(second, "unreadable")]
    assert mailbox.list_flags() == [True, False, True]
