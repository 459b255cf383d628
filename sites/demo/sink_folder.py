"""Reads the folder in which the SMTP sink stores messages."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredEmail:
    """A stored message."""

    path: Path
    email: EmailMessage

    @property
    def text(self) -> str:
        """The text part; empty if there is none."""
        part = self.email.get_body(("plain",))
        return part.get_content() if part is not None else ""

    @property
    def html(self) -> str:
        """The HTML part; empty if there is none."""
        part = self.email.get_body(("html",))
        return part.get_content() if part is not None else ""


def list_latest(folder: Path, *, limit: int | None = None, recipient: str = "") -> list[StoredEmail]:
    """Return the stored e-mails, the latest first, optionally only those whose recipient contains `recipient`."""
    emails: list[StoredEmail] = []
    # File names begin with the time of arrival.
    for path in sorted(folder.glob("*.eml"), reverse=True):
        if limit is not None and len(emails) >= limit:
            break
        received = StoredEmail(path, email.message_from_bytes(path.read_bytes(), policy=email.policy.default))
        if recipient.casefold() in str(received.email["To"]).casefold():
            emails.append(received)
    return emails
