"""A mail server that keeps what it receives, and fails as told: rejects, responds slowly, drops connections."""

import asyncio
import datetime
import email
import email.policy
from collections import Counter
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.utils import timezone

from sites.demo.smtp_sink import SmtpSink


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


class RecordingSink(SmtpSink):
    """A sink that keeps its messages in `received`, and whose behaviour can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviour = SinkBehaviour()
        self.received: list[SinkMessage] = []
        #: Connections that said EHLO.
        self.connections = 0
        self._messages: Counter[Session] = Counter()

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
                self.store(envelope)
            _get_transport(server).abort()
            return "250 2.0.0 never heard"
        if behaviour.content:
            return behaviour.content
        self._messages[session] += 1
        self.store(envelope)
        return "250 2.0.0 OK"

    def store(self, envelope: Envelope) -> None:
        """Keep the message as well."""
        super().store(envelope)
        content, recipients = envelope.original_content or b"", tuple(envelope.rcpt_tos)
        self.received.append(SinkMessage(content, recipients, timezone.now(), envelope.mail_from or ""))


def _get_transport(server: SMTP) -> asyncio.Transport:
    return cast("asyncio.Transport", server.transport)


def _close_after(reply: str, server: SMTP) -> str:
    """Return the reply and close the connection once it is sent."""
    asyncio.get_running_loop().call_later(0.01, _get_transport(server).close)
    return reply


# --- Ways in which our own server takes nothing ----------------------------------------------------------------------


def be_busy(sink):
    sink.behaviour.sender = "421 4.3.2 Service not available"


def refuse_our_sender(sink):
    sink.behaviour.sender = "550 5.7.1 Sender not allowed"


def cut_the_line(sink):
    sink.behaviour.drop_recipients = {"ecole0@exemple.example"}


OUR_FAULTS = (be_busy, refuse_our_sender, cut_the_line)
