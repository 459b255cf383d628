"""What servers send back in the simulated year: real reports, read as the bounce mailbox is."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from types import TracebackType
from typing import Self
from unittest import mock

from django_tenants.utils import get_public_schema_name, schema_context

from bounces.imap import ListedMail
from mailing import bounce_mailbox
from sites.demo.year.letters import LetterBook, ReceivedLetter

_REPORT = """\
Return-Path: <>
From: MAILER-DAEMON@mta.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="report"

--report
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mta.example.

<{recipient}>: host mbox.example[192.0.2.10] said: 550 5.1.1
    <{recipient}>: Recipient address rejected: User unknown in
    virtual mailbox table (in reply to RCPT TO command)

--report
Content-Type: message/delivery-status

Reporting-MTA: dns; mta.example

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: Recipient address
    rejected: User unknown in virtual mailbox table

--report
Content-Type: text/rfc822-headers

Message-ID: {message_id}
To: {recipient}

--report--
"""


class ReturnedMailbox:
    """A bounce mailbox in memory, in place of one over IMAP: its unread mails by number."""

    uid_validity = 1

    def __init__(self, letters: Collection[ReceivedLetter]) -> None:
        self._mails = {number: _report(letter) for number, letter in enumerate(letters, start=1)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def list_unread(self) -> set[int]:
        return set(self._mails)

    def list_sizes(self, uids: Collection[int]) -> list[ListedMail]:
        return [ListedMail(uid, len(self._mails[uid])) for uid in sorted(uids)]

    def fetch(self, uids: Collection[int]) -> dict[int, bytes]:
        return {uid: self._mails[uid] for uid in uids}

    def mark_seen(self, uids: Collection[int]) -> None:
        for uid in uids:
            del self._mails[uid]


def deliver(book: LetterBook, *, at: datetime.datetime) -> None:
    """Have the reports about what does not arrive come back, and be read."""
    if not book.returned:
        return
    mailbox, book.returned = ReturnedMailbox(book.returned), []
    with (
        schema_context(get_public_schema_name()),
        mock.patch.object(bounce_mailbox, "ImapMailbox", return_value=mailbox),
    ):
        bounce_mailbox.read_mailbox(clock=lambda: at)


def _report(letter: ReceivedLetter) -> bytes:
    text = _REPORT.format(recipient=letter.recipient, message_id=letter.message_id)
    return text.replace("\n", "\r\n").encode()
