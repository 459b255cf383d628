"""SMTP sink: a server that stores what it receives, for development, the demo and tests. Relays nothing.

It speaks SMTP over a socket and can simulate failures: reject an address, respond slowly, close after some messages,
drop the connection.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

from aiosmtpd.smtp import SMTP
from django.utils import timezone

if TYPE_CHECKING:
    import datetime
    from email.message import EmailMessage
    from pathlib import Path
    from types import TracebackType

    from aiosmtpd.smtp import Envelope, Session

_UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9@.+-]+")


@dataclass(frozen=True, slots=True)
class SinkMessage:
    """An accepted message."""

    content: bytes
    recipients: tuple[str, ...]
    at: datetime.datetime
    #: Number of the connection, from 1.
    connection: int

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
    #: Whether the message of the dropped connection is stored: the sender cannot know and sends it again.
    stores_dropped: bool = False


class SmtpSink:
    """The server, in its own thread. `with SmtpSink() as sink:` listens on a free local port."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        folder: Path | None = None,
        keep: bool = True,
        behaviour: SinkBehaviour | None = None,
    ) -> None:
        """`folder`: where messages are also written; `keep`: whether to keep them in `received`."""
        self.host = host
        self.port = port
        self.folder = folder
        self.behaviour = behaviour or SinkBehaviour()
        self.received: list[SinkMessage] = []
        self.connections = 0
        self.accepted = 0
        self._keep = keep
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._protocols: set[_SinkSession] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-sink", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server. Raises `OSError` if the port is in use."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=10)
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and close its connections."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def wait_for(self, count: int, *, timeout: float = 30.0) -> bool:
        """Wait until `count` messages were accepted; return False on timeout."""
        deadline = time.monotonic() + timeout
        while self.accepted < count:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(lambda: _SinkSession(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for protocol in list(self._protocols):
            protocol.cut()
        # Let the tasks of the closed connections end before the loop.
        pending_tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in pending_tasks:
            task.cancel()
        await asyncio.gather(*pending_tasks, return_exceptions=True)

    def store(self, content: bytes, recipients: tuple[str, ...], connection: int) -> None:
        """Store a message in memory and in the folder, as configured."""
        received = SinkMessage(content, recipients, timezone.now(), connection)
        self.accepted += 1
        if self._keep:
            self.received.append(received)
        if self.folder is not None:
            _write(self.folder, received, self.accepted)


def _write(folder: Path, received: SinkMessage, number: int) -> None:
    """Write the message atomically: a reader of the folder never sees a partial file."""
    recipient = _UNSAFE_IN_FILE_NAME.sub("_", ",".join(received.recipients))[:80]
    name = f"{received.at:%Y%m%dT%H%M%S%f}-{number:06d}-{recipient}.eml"
    partial = folder / f".{name}.{os.getpid()}"
    partial.write_bytes(received.content)
    partial.rename(folder / name)


class _SinkHandler:
    """Handlers of the SMTP commands."""

    def __init__(self, sink: SmtpSink) -> None:
        self.sink = sink
        self.connection = 0
        self.messages = 0

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, server: _SinkSession, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the sender, unless the connection has reached its limit."""
        if self.sink.behaviour.sender:
            return self.sink.behaviour.sender
        limit = self.sink.behaviour.messages_per_connection
        if limit is not None and self.messages >= limit:
            server.end_soon()
            return "421 4.7.0 Too many messages over this connection"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: _SinkSession, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept the recipient, unless the behaviour sets another reply."""
        error_reply = self.sink.behaviour.recipients.get(address)
        if error_reply:
            if error_reply.startswith("421"):
                server.end_soon()
            return error_reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: _SinkSession, session: Session, envelope: Envelope
    ) -> str:
        """Store the message."""
        behaviour = self.sink.behaviour
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        content = cast("bytes", envelope.original_content)
        recipients = tuple(str(address) for address in envelope.rcpt_tos)
        if behaviour.drop_after is not None and self.sink.accepted >= behaviour.drop_after:
            behaviour.drop_after = None
            if behaviour.stores_dropped:
                self.sink.store(content, recipients, self.connection)
            server.cut()
            return "250 2.0.0 never heard"
        if behaviour.content:
            return behaviour.content
        self.messages += 1
        self.sink.store(content, recipients, self.connection)
        return "250 2.0.0 OK"


class _SinkSession(SMTP):
    """An SMTP session over one connection."""

    def __init__(self, sink: SmtpSink) -> None:
        handler = _SinkHandler(sink)
        super().__init__(handler, hostname="puits.localhost", ident="Pep's sink", loop=asyncio.get_running_loop())
        self._sink = sink
        self._sink_handler = handler

    def connection_made(self, transport: Any) -> None:
        """Count the connection."""
        self._sink.connections += 1
        self._sink_handler.connection = self._sink.connections
        self._sink._protocols.add(self)  # noqa: SLF001 - same module
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Remove the connection."""
        self._sink._protocols.discard(self)  # noqa: SLF001
        super().connection_lost(error)

    def cut(self) -> None:
        """Abort the connection at once."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def end_soon(self) -> None:
        """Close the connection after the reply is sent."""
        asyncio.get_running_loop().call_later(0.01, self._close_transport)

    def _close_transport(self) -> None:
        if self.transport is not None:
            self.transport.close()
