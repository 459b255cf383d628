"""Our own mail server: the backend with its timeouts, the connection of a drain, and since when it takes nothing.

Failures are of three kinds: the server rejects *this message* (`MessageRejected`), is *unavailable* or closes the
connection (`ServerUnavailable`; the message was not accepted), or the connection broke between the message and the
reply (`ConnectionInterrupted`; it may have been accepted).
"""

import contextlib
import datetime
import functools
import logging
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import parseaddr
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.core.mail import mailers
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection

from bounces.models import MailServerOutage
from mailing import smtp_replies
from mailing.mime import MimeEmail, encode_address
from mailing.smtp_replies import UNAVAILABLE_DELAY

# Since when our own mail server takes nothing, noted in the public schema by the drains of all outboxes.
#
# What waits for a server is put off, never late: only this note tells those who watch that no e-mail leaves.

#: How long a server takes nothing before somebody is called: a second attempt was in vain, so it is no restart.
CALLED_AFTER = UNAVAILABLE_DELAY + datetime.timedelta(minutes=1)
#: After the last attempt in vain: where nothing is left to send, nobody knows whether the server is back.
_FORGOTTEN_AFTER = 5 * UNAVAILABLE_DELAY

_TABLE = f"public.{MailServerOutage._meta.db_table}"  # noqa: SLF001 - documented
# Later attempts leave the first one's moment, unless it was forgotten.
_NOTE = f"""
INSERT INTO {_TABLE} AS known (id, failing_since, failed_at, failure) VALUES (1, %(since)s, %(at)s, %(failure)s)
ON CONFLICT (id) DO UPDATE SET
    failing_since = CASE
        WHEN known.failed_at < %(forgotten)s THEN excluded.failing_since
        ELSE least(known.failing_since, excluded.failing_since)
    END,
    failed_at = greatest(known.failed_at, excluded.failed_at),
    failure = excluded.failure
"""  # noqa: S608 - the table's own name
_END = f"DELETE FROM {_TABLE} WHERE failing_since <= %s"  # noqa: S608 - the table's own name


class ServerWatch:
    """Notes for one drain whether the server takes its messages."""

    def __init__(self, clock: Callable[[], datetime.datetime]) -> None:
        self._clock = clock
        self._is_answering = False

    def note_failure(self, failure: str, *, since: datetime.datetime) -> None:
        """Note that an attempt, which began at `since`, is in vain or still unanswered. One statement."""
        self._is_answering = False
        at = max(self._clock(), since)
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, {"since": since, "at": at, "failure": failure, "forgotten": at - _FORGOTTEN_AFTER})

    def note_answer(self, *, at: datetime.datetime) -> None:
        """Note that the server took a message, or refused it for good. One statement for several in a row."""
        if self._is_answering:
            return
        with connection.cursor() as cursor:
            cursor.execute(_END, [at])
        self._is_answering = True


def find_outage(at: datetime.datetime) -> MailServerOutage | None:
    """Return that the server takes nothing, with the first attempt in vain; None where it does, or nobody knows."""
    outage = MailServerOutage.objects.first()
    return outage if outage is not None and is_recent(outage, at) else None


def is_recent(outage: MailServerOutage, at: datetime.datetime) -> bool:
    """Return whether the server was tried lately enough to tell that it takes nothing."""
    return outage.failed_at >= at - _FORGOTTEN_AFTER


def is_lasting(outage: MailServerOutage, at: datetime.datetime) -> bool:
    """Return whether somebody is to be called for it."""
    return at - outage.failing_since >= CALLED_AFTER


# SMTP backend that gives each phase of a conversation the time that RFC 5321 asks for (section 4.5.3.2).
#
# The longest is the reply to the final dot: whoever gives up before it sends again what was accepted. While it waits,
# the backend calls `on_wait`, so that its caller can renew leases.

#: Seconds between two calls of `on_wait`, at most: a heartbeat (`JOBS_HEARTBEAT`), as leases are renewed by it.
_WAIT_INTERVAL = 10.0
_START_MAIL_INPUT = 354


class SmtpTimeouts(NamedTuple):
    """Seconds for each phase. Those of RFC 5321, but for `connect` (TCP and TLS) and `quit`, where nothing is lost."""

    connect: float = 30
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    final_dot: float = 600
    quit: float = 5

    def capped(self, seconds: float) -> Self:
        """Return them, none longer than `seconds`."""
        return type(self)(*(min(phase, seconds) for phase in self))


class _PatientMixin(smtplib.SMTP):
    """Waits for each reply as long as its phase may last."""

    def __init__(
        self, host: str, port: int, *, timeouts: SmtpTimeouts, on_wait: Callable[[], None], **options: Any
    ) -> None:
        self._timeouts = timeouts
        self._on_wait = on_wait
        self._patience = timeouts.greeting
        super().__init__(host, port, timeout=timeouts.connect, **options)

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, whose name sets how long its reply is waited for."""
        phases = {"data": self._timeouts.data, "quit": self._timeouts.quit}
        self._patience = phases.get(cmd.lower(), self._timeouts.command)
        super().putcmd(cmd, args)

    def getreply(self) -> tuple[int, bytes]:
        """Wait for the reply and return it. Raises `SMTPServerDisconnected`, also when it does not come in time."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("Not connected")
        self._wait_until_readable(self.sock)
        self.sock.settimeout(self._timeouts.block)
        code, text = super().getreply()
        if code == _START_MAIL_INPUT:
            self._patience = self._timeouts.final_dot
        return code, text

    def _wait_until_readable(self, sock: socket.socket) -> None:
        deadline = time.monotonic() + self._patience
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return
        interval = min(_WAIT_INTERVAL, settings.JOBS_HEARTBEAT)
        # One call of the system: four of a selector a reply were a tenth of sending.
        readable = select.poll()
        readable.register(sock, select.POLLIN)
        while not readable.poll(max(0.0, min(interval, deadline - time.monotonic())) * 1000):
            if time.monotonic() >= deadline:
                self.close()
                raise smtplib.SMTPServerDisconnected(f"No reply within {self._patience:g} s")
            self._on_wait()


class _PatientSmtp(_PatientMixin):
    """SMTP in the clear, or with STARTTLS."""


class _PatientSmtpOverTls(_PatientMixin, smtplib.SMTP_SSL):
    """SMTP over TLS from the first byte."""


class EmailBackend(smtp.EmailBackend):
    """Django's backend with the timeouts above; its option `timeout` shortens them all.

    `ca_file`: certificates of authorities that are trusted beside the system's, in PEM; empty for none.
    """

    def __init__(self, *args: Any, ca_file: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._ca_file = ca_file
        self.timeouts = SmtpTimeouts() if self.timeout is None else SmtpTimeouts().capped(self.timeout)
        # Given to the connection as `connect`.
        self.timeout = None
        #: Called now and then while a reply is waited for.
        self.on_wait: Callable[[], None] = _do_nothing

    @functools.cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """What a server's certificate is checked by. Raises `OSError` where `ca_file` cannot be read."""
        context: ssl.SSLContext = super().ssl_context
        if self._ca_file:
            context.load_verify_locations(cafile=self._ca_file)
        return context

    @property
    def connection_class(self) -> Any:
        """The class of connections, with its timeouts."""
        patient = _PatientSmtpOverTls if self.use_ssl else _PatientSmtp
        return functools.partial(patient, timeouts=self.timeouts, on_wait=self.on_wait)


def _do_nothing() -> None:
    """Wait without doing anything else."""


logger = logging.getLogger(__name__)

# « Service not available, closing »: concerns the connection, not the command.
_CLOSING = 421
_ACCEPTED = (250, 251)
_TOO_LARGE = 552


class MessageRejected(Exception):
    """The server rejects this message; the connection remains usable."""

    def __init__(self, answer: smtp_replies.SmtpReply) -> None:
        super().__init__(str(answer))
        self.answer = answer


class ServerUnavailable(Exception):
    """No message can be sent now; the French message says why. The current message was not accepted.

    `answer`: the server's, where it came to the recipient or the content: it may concern this message only.
    """

    def __init__(self, reason: str, answer: smtp_replies.SmtpReply | None = None) -> None:
        super().__init__(reason)
        self.answer = answer


class ConnectionInterrupted(Exception):
    """The connection broke between a message and its reply: it may have been accepted."""


class SmtpConnection:
    """The default mailer's connection. Not thread-safe.

    With a backend other than SMTP (a provider's API, locmem in tests), its own `send_messages` is used.
    """

    def __init__(self, on_wait: Callable[[], None] | None = None) -> None:
        """`on_wait`: called now and then while the server makes us wait."""
        self._backend: BaseEmailBackend = mailers.default
        if on_wait is not None and isinstance(self._backend, EmailBackend):
            self._backend.on_wait = on_wait
        self._is_open = False
        #: Messages handled on this connection: tells a server that closes after a hundred from one that is down.
        self.handled_count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next message opens a new one."""
        self._is_open = False
        # Errors while closing do not matter: the messages are sent.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._backend.close()
        if isinstance(self._backend, smtp.EmailBackend):
            self._backend.connection = None

    def send(self, email: MimeEmail) -> None:
        """Send one message and wait for the reply.

        Raises `MessageRejected`, `ServerUnavailable`, `ConnectionInterrupted`, or `ValueError` for an invalid e-mail.
        """
        if isinstance(self._backend, smtp.EmailBackend):
            self._send_smtp(self._backend, email)
        else:
            self._open()
            self._backend.send_messages([email])
        self.handled_count += 1

    def _open(self) -> None:
        if self._is_open:
            return
        try:
            self._backend.open()
            if isinstance(self._backend, smtp.EmailBackend) and self._backend.connection is not None:
                self._backend.connection.ehlo_or_helo_if_needed()
        except smtplib.SMTPAuthenticationError as error:
            logger.exception("The SMTP server refuses our credentials")
            raise ServerUnavailable(smtp_replies.CONNECTION_REFUSED) from error
        except smtplib.SMTPResponseException as error:
            logger.warning(
                "The SMTP server does not let us in: %s", smtp_replies.parse_reply(error.smtp_code, error.smtp_error)
            )
            raise ServerUnavailable(smtp_replies.CONNECTION_REFUSED) from error
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("The SMTP server cannot be reached: %s", error)
            raise ServerUnavailable(smtp_replies.UNREACHABLE) from error
        self._is_open = True
        self.handled_count = 0

    def _send_smtp(self, backend: smtp.EmailBackend, email: MimeEmail) -> None:
        content, recipient = email.as_bytes(), encode_address(email.to[0])
        sender = settings.BOUNCE_ADDRESS or parseaddr(email.from_email)[1]
        self._open()
        connection = backend.connection
        assert connection is not None  # noqa: S101 - set by `open`
        try:
            size = [f"size={len(content)}"] if connection.does_esmtp and connection.has_extn("size") else []
            answer = connection.mail(sender, size)
            if answer[0] not in (*_ACCEPTED, _CLOSING, -1, _TOO_LARGE):
                # All our messages have the same sender: the failure is not specific to this one.
                reply = smtp_replies.parse_reply(*answer)
                logger.error("The SMTP server refuses our sender: %s", reply)
                raise ServerUnavailable(smtp_replies.quote_reply(smtp_replies.SENDER_REFUSED, reply))
            self._check_accepted(answer, connection, concerns_message=False)
            self._check_accepted(connection.rcpt(recipient), connection)
        except (OSError, smtplib.SMTPException) as error:
            # Before DATA: the message was not accepted.
            self.close()
            raise ServerUnavailable(smtp_replies.UNREACHABLE) from error
        try:
            answer = connection.data(content)
        except smtplib.SMTPDataError as error:
            # The reply to the DATA command, before any content.
            self._check_accepted((error.smtp_code, error.smtp_error), connection)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise ConnectionInterrupted(smtp_replies.INTERRUPTED) from error
        else:
            if answer[0] == -1:
                self.close()
                raise ConnectionInterrupted(smtp_replies.INTERRUPTED)
            self._check_accepted(answer, connection)

    def _check_accepted(
        self, answer: tuple[int, bytes | str], connection: smtplib.SMTP, *, concerns_message: bool = True
    ) -> None:
        """Check a reply. Raises `MessageRejected`, or `ServerUnavailable` if the server is closing."""
        code, text = answer
        if code in _ACCEPTED:
            return
        reply = smtp_replies.parse_reply(code, text)
        if code in (_CLOSING, -1):
            self.close()
            if code == _CLOSING:
                raise ServerUnavailable(smtp_replies.explain_reply(reply), reply if concerns_message else None)
            raise ServerUnavailable(smtp_replies.UNREACHABLE)
        # Reset for the next message; if that fails, it will open a new connection.
        try:
            connection.rset()
        except (OSError, smtplib.SMTPException):
            self.close()
        self.handled_count += 1
        raise MessageRejected(reply)
