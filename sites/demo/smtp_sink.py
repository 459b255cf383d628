"""SMTP sink: a server that stores what it receives, for development, the demo and tests. Relays nothing.

It speaks SMTP over a socket and can simulate failures: reject an address, respond slowly, close after some messages,
drop the connection.
"""

from __future__ import annotations

import asyncio
import datetime
import email
import email.policy
import os
import re
from collections import Counter
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class SinkMessage:
    """An accepted message."""

    content: bytes
    recipients: tuple[str, ...]
    at: datetime.datetime
    #: Of the envelope: where reports about it are sent.
    sender: str

    @property
    def email(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.content, policy=email.policy.default)


@dataclass(slots=True)
class SinkBehaviour:
    """Simulated behaviour of the server. May be changed while it runs."""

    #: Replies to RCPT TO by address: `{"a@exemple.example": "550 5.1.1 User unknown"}`.
    recipients: dict[str, str] = field(default_factory=dict)
    #: Reply to every MAIL FROM; empty: accept.
    sender: str = ""
    #: Reply to every DATA, such as « 451 4.7.1 Greylisted »; empty: accept.
    content: str = ""
    #: Delay in seconds before the reply to DATA.
    delay: float = 0.0
    #: Messages per connection, after which the server replies 421 and closes it.
    messages_per_connection: int | None = None
    #: Total of accepted messages after which the connection is dropped once, without a reply.
    drop_after: int | None = None
    #: Recipients over whose messages the connection is dropped each time, without a reply.
    drop_recipients: set[str] = field(default_factory=set)
    #: Whether the messages of dropped connections are stored: the sender cannot know and sends them again.
    stores_dropped: bool = False


class SmtpSink(Controller):
    """The server, in its own thread, and its handlers. `with SmtpSink() as sink:` listens on a free local port."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, folder: Path | None = None, keep: bool = True
    ) -> None:
        """`folder`: where messages are also written; `keep`: whether to keep them in `received`."""
        super().__init__(self, host, port, server_hostname="puits.localhost", enable_SMTPUTF8=False)
        self.folder = folder
        self.behaviour = SinkBehaviour()
        self.received: list[SinkMessage] = []
        #: Connections that said EHLO, and messages accepted.
        self.connections = 0
        self.accepted = 0
        self._keep = keep
        self._messages: Counter[Session] = Counter()

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

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Count the connection."""
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the sender, unless the connection has reached its limit."""
        if self.behaviour.sender:
            return self.behaviour.sender
        limit = self.behaviour.messages_per_connection
        if limit is not None and self._messages[session] >= limit:
            return _close_after("421 4.7.0 Too many messages over this connection", server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the recipient, unless the behaviour sets another reply."""
        error_reply = self.behaviour.recipients.get(address)
        if error_reply:
            return _close_after(error_reply, server) if error_reply.startswith("421") else error_reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the message."""
        behaviour = self.behaviour
        await asyncio.sleep(behaviour.delay)
        is_due = behaviour.drop_after is not None and self.accepted >= behaviour.drop_after
        if is_due or behaviour.drop_recipients & set(envelope.rcpt_tos):
            behaviour.drop_after = None
            if behaviour.stores_dropped:
                self._store(envelope)
            _get_transport(server).abort()
            return "250 2.0.0 never heard"
        if behaviour.content:
            return behaviour.content
        self._messages[session] += 1
        self._store(envelope)
        return "250 2.0.0 OK"

    def _store(self, envelope: Envelope) -> None:
        message = SinkMessage(
            envelope.original_content or b"", tuple(envelope.rcpt_tos), timezone.now(), envelope.mail_from or ""
        )
        self.accepted += 1
        if self._keep:
            self.received.append(message)
        if self.folder is not None:
            _write(self.folder, message, self.accepted)


def _get_transport(server: SMTP) -> asyncio.Transport:
    return cast("asyncio.Transport", server.transport)


def _close_after(reply: str, server: SMTP) -> str:
    """Return the reply and close the connection once it is sent."""
    asyncio.get_running_loop().call_later(0.01, _get_transport(server).close)
    return reply


def _write(folder: Path, message: SinkMessage, number: int) -> None:
    """Write the message atomically: a reader of the folder never sees a partial file."""
    recipient = _UNSAFE_IN_FILE_NAME.sub("_", ",".join(message.recipients))[:80]
    name = f"{message.at:%Y%m%dT%H%M%S%f}-{number:06d}-{recipient}.eml"
    partial = folder / f".{name}.{os.getpid()}"
    partial.write_bytes(message.content)
    partial.rename(folder / name)
