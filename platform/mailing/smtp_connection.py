"""SMTP connection for many messages, reopened when the server closes it.

Failures are of three kinds: the server rejects *this message* (`MessageRejected`), is *unavailable* or closes the
connection (`ServerUnavailable`; the message was not accepted), or the connection broke between the message and the
reply (`ConnectionInterrupted`; it may have been accepted).
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
from collections.abc import Callable
from email.utils import parseaddr
from types import TracebackType
from typing import Self

from django.conf import settings
from django.core.mail import mailers
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

from mailing import smtp_replies
from mailing.mime import MimeEmail
from mailing.smtp_backend import EmailBackend

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
        mime = email.message()
        content, recipient = mime.as_bytes(), str(mime["To"])
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
