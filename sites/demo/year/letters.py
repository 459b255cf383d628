"""The letters of the simulated year: each e-mail as its server accepts it, in order."""

import datetime
import re
from collections.abc import Collection, Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from unittest import mock

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from bounces.imap import ListedMail
from mailing import bounce_mailbox
from mailing.mime import MimeEmail
from sites.demo.directory import INVENTED

_KEY_LINK = re.compile(r"/cle/#cle=([^&\s]+)&jeton=(\S+)")


class ReceivedLetter(NamedTuple):
    """An e-mail that was accepted. `kind` and `schema`: as the outbox names them."""

    sent_at: datetime.datetime
    recipient: str
    kind: str
    schema: str
    sender: str
    subject: str
    text: str
    message_id: str
    #: Whether a click stops letters like this one.
    can_be_stopped: bool

    @property
    def key_and_proof(self) -> tuple[str, str]:
        """The key of the letter's link, and the token that proves its mailbox. Raises `LookupError` without one."""
        found = _KEY_LINK.search(self.text)
        if found is None:
            raise LookupError(f"The letter « {self.subject} » to {self.recipient} has no key.")
        return found[1], found[2]


class LetterBook:
    """All letters so far, in order; and where servers send back what does not arrive."""

    def __init__(self) -> None:
        self.letters: list[ReceivedLetter] = []
        #: Addresses that no mailbox has: their server accepts, and reports later.
        self.dead: set[str] = set()
        #: Letters to them that are still to be reported.
        self.returned: list[ReceivedLetter] = []
        self._latest: dict[str, list[ReceivedLetter]] = {}

    def add(self, letter: ReceivedLetter) -> None:
        """Keep a letter."""
        self.letters.append(letter)
        self._latest.setdefault(letter.recipient, []).append(letter)
        if letter.recipient in self.dead:
            self.returned.append(letter)

    def find_latest(self, recipient: str, *kinds: str) -> ReceivedLetter:
        """Return the last letter to an address, of these kinds. Raises `LookupError` if there is none."""
        for letter in reversed(self._latest.get(recipient, [])):
            if not kinds or letter.kind in kinds:
                return letter
        raise LookupError(f"No letter {' or '.join(kinds)} came to {recipient}.")


class LetterBackend(BaseEmailBackend):
    """The mailer of the simulation: a server that accepts everything, and keeps it in `book`."""

    def __init__(self, *, book: LetterBook, **options: Any) -> None:
        super().__init__(**options)
        self._book = book

    def send_messages(self, email_messages: Sequence[MimeEmail]) -> int:  # type: ignore[override]
        """Keep the messages, as of the simulation's present."""
        for email in email_messages:
            headers: dict[str, Any] = email.extra_headers
            kind, schema = _read_list_id(headers["List-Id"])
            self._book.add(
                ReceivedLetter(
                    sent_at=timezone.now(),
                    recipient=email.to[0].lower(),
                    kind=kind,
                    schema=schema,
                    sender=str(email.from_email),
                    subject=str(email.subject),
                    text=str(email.body),
                    message_id=headers["Message-ID"],
                    can_be_stopped="List-Unsubscribe" in headers,
                )
            )
        return len(email_messages)


def _read_list_id(text: str) -> tuple[str, str]:
    """Return the kind and the schema of a List-Id, whose domain is the site's."""
    kind, _, schema = text.strip("<>").removesuffix(f".{settings.BASE_DOMAIN}").rpartition(".")
    return kind.replace("-", "_"), schema.replace("-", "_")


def write_letters(letters: Iterable[ReceivedLetter]) -> str:
    """Return the letters as a text to read: by receiver, and of each receiver in order."""
    by_recipient: dict[str, list[ReceivedLetter]] = {}
    for letter in letters:
        by_recipient.setdefault(letter.recipient, []).append(letter)
    parts = []
    for recipient in sorted(by_recipient):
        received = by_recipient[recipient]
        parts.append(
            f"{'=' * 100}\n{recipient} : {len(received)} lettre{'s' if len(received) > 1 else ''}\n{'=' * 100}\n"
        )
        parts += [_write_letter(letter) for letter in received]
    return "\n".join(parts)


def _write_letter(letter: ReceivedLetter) -> str:
    sent_at = timezone.localtime(letter.sent_at)
    return (
        f"--- {sent_at:%a %d/%m/%Y %H:%M} · {letter.kind} · {letter.schema}\n"
        f"De : {letter.sender}\nObjet : {letter.subject}\n\n{letter.text}"
    )


_REPORT = (INVENTED / "undelivered.eml").read_text(encoding="utf-8")


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
