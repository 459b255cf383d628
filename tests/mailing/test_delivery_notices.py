"""The reports of the mail systems that French schools use, as each writes them."""

import pytest

from bounces.reports import MailKind, parse_mail, parse_mails
from mailing import smtp_replies
from tests.mailing.delivery_notices import read_notice

OURS = "<c_nimes.12.643d1b2c3d4e5.0123456789abcdef0123@peps.localhost>"
UNKNOWN = "Cette adresse n'existe pas"
NO_DOMAIN = "Le domaine de cette adresse n'existe pas"


@pytest.mark.parametrize(
    ("name", "sentence", "refuses_address"),
    [
        ("postfix_unknown", UNKNOWN, True),
        ("exchange_unknown", UNKNOWN, True),
        ("exchange_spam", "Le serveur du destinataire n'accepte pas ce message", False),
        ("exim_unknown", UNKNOWN, True),
        ("exim_old_text", "La boîte du destinataire est pleine", False),
        ("zimbra_full", "La boîte du destinataire est pleine", False),
        ("gmail_unknown", UNKNOWN, True),
        ("gmail_domain", NO_DOMAIN, True),
        ("qmail_unknown", UNKNOWN, True),
    ],
)
def test_what_a_server_refused_is_explained_in_plain_french(name, sentence, refuses_address):
    mail = parse_mail(read_notice(name, message_id=OURS))
    [recipient] = mail.recipients
    assert (mail.kind, recipient.action, recipient.final) == (MailKind.REPORT, "failed", "ecole0@exemple.example")
    assert OURS in mail.message_ids
    answer = smtp_replies.parse_report(recipient.status, recipient.diagnostic)
    assert smtp_replies.explain_reply(answer).startswith(sentence)
    assert smtp_replies.refuses_address(answer) == refuses_address


def test_a_delay_says_until_when_the_server_tries():
    [recipient] = parse_mail(read_notice("postfix_delayed", message_id=OURS)).recipients
    assert (recipient.action, recipient.status) == ("delayed", "4.4.1")
    assert recipient.retry_until == "Sun, 29 Nov 2026 10:00:03 +0100 (CET)"


def test_a_delivery_is_no_failure():
    [recipient] = parse_mail(read_notice("zimbra_delivered", message_id=OURS)).recipients
    assert (recipient.action, recipient.status) == ("delivered", "2.0.0")


@pytest.mark.parametrize("name", ["zimbra_absence", "absence_by_subject"])
def test_an_absence_is_no_report(name):
    assert parse_mail(read_notice(name, message_id=OURS)).kind is MailKind.AUTO_REPLY


def test_who_answers_by_hand_is_left_to_a_person():
    mail = parse_mail(read_notice("person", message_id=OURS))
    assert (mail.kind, mail.sender) == (MailKind.OTHER, "ecole0@exemple.example")
    assert mail.subject == "Re: Ville de Nîmes vous attribue 8 licences"


def test_a_read_receipt_is_no_report():
    content = read_notice("postfix_unknown", message_id=OURS).replace(b"delivery-status", b"disposition-notification")
    assert parse_mail(content).kind is MailKind.AUTO_REPLY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n--x\r\n",
        b"Content-Type: message/delivery-status\r\n\r\n",
        b"From: =?nonsense?q?=FF?=\r\nSubject: =?utf-8?b?!!!?=\r\n\r\ntext",
        b"Content-Type: text/plain; charset=klingon\r\nFrom: MAILER-DAEMON@a.example\r\n\r\n550 no",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n" * 500,
        read_notice("gmail_unknown", message_id=OURS)[:1500],
        b"X-Failed-Recipients: " + b"a@b.example, " * 5000 + b"\r\n\r\nbody",
    ],
)
def test_a_damaged_mail_ends_nothing(content):
    first, second = parse_mails([content, read_notice("postfix_unknown", message_id=OURS)])
    assert len(first.recipients) <= 20
    assert second.kind is MailKind.REPORT
