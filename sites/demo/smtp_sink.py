"""SMTP sink: a server that stores what it receives, for development, the demo and tests. Relays nothing."""

import asyncio
import email
import email.policy
import os
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.utils import timezone


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


_UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9@.+-]+")


class SmtpSink(Controller):
    """The server, in its own thread, and its handler. `with SmtpSink() as sink:` listens on a free local port."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, folder: Path | None = None) -> None:
        """`folder`: where messages are written."""
        super().__init__(self, host, port, server_hostname="puits.localhost", enable_SMTPUTF8=False)
        self.folder = folder
        #: How many messages were accepted.
        self.accepted = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server. Raises `OSError` if the port is in use."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            super().start()
        except OSError:
            self.loop.close()
            raise

    def _trigger_server(self) -> None:
        # With port 0, the system chose one. The first connection, which the controller makes, needs it.
        self.port = cast("asyncio.Server", self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd types no method

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Store the message."""
        self.store(envelope)
        return "250 2.0.0 OK"

    def store(self, envelope: Envelope) -> None:
        """Write the message atomically: a reader of the folder never sees a partial file."""
        self.accepted += 1
        if self.folder is None:
            return
        recipient = _UNSAFE_IN_FILE_NAME.sub("_", ",".join(envelope.rcpt_tos))[:80]
        name = f"{timezone.now():%Y%m%dT%H%M%S%f}-{self.accepted:06d}-{recipient}.eml"
        partial = self.folder / f".{name}.{os.getpid()}"
        partial.write_bytes(envelope.original_content or b"")
        partial.rename(self.folder / name)
