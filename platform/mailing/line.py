"""The connection that messages leave by: opened once, used for many, opened anew when the server drops it.

What may go wrong comes in three kinds, and each has an exception: the server answers about *this message* (`Refused`),
the server is *away* or wants us gone (`LineDown`; the message was certainly not taken), or the connection broke after
the message was handed over and before the answer (`Interrupted`; nobody knows).
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
from email.utils import parseaddr
from typing import TYPE_CHECKING, Self

from django.core.mail import mailers
from django.core.mail.backends import smtp

from mailing import answers

if TYPE_CHECKING:
    from types import TracebackType

    from django.core.mail.backends.base import BaseEmailBackend

    from mailing.composing import Letter

logger = logging.getLogger(__name__)

# « Service not available, closing »: about the connection, whatever command it answers.
_CLOSING = 421
_ACCEPTED = (250, 251)
_TOO_LARGE = 552


class Refused(Exception):
    """The server does not take this message; the line is good for the next one."""

    def __init__(self, answer: answers.Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class LineDown(Exception):
    """No message can be sent now; the French sentence says why. The message that met this was not taken."""


class Interrupted(Exception):
    """The connection broke between a message and its answer: it may have been taken."""


class Line:
    """The default mailer's connection. Not shared between threads.

    Where the mailer is no SMTP server (a provider's API, the tests' memory), its own `send_messages` does the work.
    """

    def __init__(self) -> None:
        self._backend: BaseEmailBackend = mailers.default
        self._is_open = False
        #: Messages answered for since the connection was opened: a server that closes after a hundred is not down.
        self.answered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the next message opens another."""
        self._is_open = False
        # Whatever a server does at the end, the messages are sent.
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._backend.close()
        if isinstance(self._backend, smtp.EmailBackend):
            self._backend.connection = None

    def send(self, letter: Letter) -> None:
        """Hand one message over and wait for the answer.

        Raises `Refused`, `LineDown`, `Interrupted`, or `ValueError` for what can be no e-mail.
        """
        if isinstance(self._backend, smtp.EmailBackend):
            self._send_by_smtp(self._backend, letter)
        else:
            self._open()
            self._backend.send_messages([letter])
        self.answered += 1

    def _open(self) -> None:
        if self._is_open:
            return
        try:
            self._backend.open()
            if isinstance(self._backend, smtp.EmailBackend) and self._backend.connection is not None:
                self._backend.connection.ehlo_or_helo_if_needed()
        except smtplib.SMTPAuthenticationError as error:
            logger.exception("The SMTP server refuses our credentials")
            raise LineDown(answers.NOT_LET_IN) from error
        except smtplib.SMTPResponseException as error:
            logger.warning("The SMTP server does not let us in: %s", answers.read(error.smtp_code, error.smtp_error))
            raise LineDown(answers.NOT_LET_IN) from error
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("The SMTP server cannot be reached: %s", error)
            raise LineDown(answers.UNREACHABLE) from error
        self._is_open = True
        self.answered = 0

    def _send_by_smtp(self, backend: smtp.EmailBackend, letter: Letter) -> None:
        parsed = letter.message()
        content, recipient = parsed.as_bytes(), str(parsed["To"])
        sender = parseaddr(letter.from_email)[1]
        self._open()
        connection = backend.connection
        assert connection is not None  # noqa: S101 - what `open` is for
        try:
            size = [f"size={len(content)}"] if connection.does_esmtp and connection.has_extn("size") else []
            answer = connection.mail(sender, size)
            if answer[0] not in (*_ACCEPTED, _CLOSING, -1, _TOO_LARGE):
                # All our messages have this sender: not this one is at fault, and all would fare alike.
                said = answers.read(*answer)
                logger.error("The SMTP server refuses our sender: %s", said)
                raise LineDown(answers.quote(answers.SENDER_REFUSED, said))
            self._expect(answer, connection)
            self._expect(connection.rcpt(recipient), connection)
        except (OSError, smtplib.SMTPException) as error:
            # Before its content was handed over: this message was not taken.
            self.hang_up()
            raise LineDown(answers.UNREACHABLE) from error
        try:
            answer = connection.data(content)
        except smtplib.SMTPDataError as error:
            # The answer to the command, before any content.
            self._expect((error.smtp_code, error.smtp_error), connection)
        except (OSError, smtplib.SMTPException) as error:
            self.hang_up()
            raise Interrupted(answers.INTERRUPTED) from error
        else:
            self._expect(answer, connection)

    def _expect(self, answer: tuple[int, bytes | str], connection: smtplib.SMTP) -> None:
        """Return when the answer is a yes. Raises `Refused`, or `LineDown` when the server is closing."""
        code, text = answer
        if code in _ACCEPTED:
            return
        said = answers.read(code, text)
        if code in (_CLOSING, -1):
            self.hang_up()
            raise LineDown(answers.explain(said) if code == _CLOSING else answers.UNREACHABLE)
        # The next message starts afresh. Where even that fails, the next one opens another connection.
        try:
            connection.rset()
        except (OSError, smtplib.SMTPException):
            self.hang_up()
        self.answered += 1
        raise Refused(said)
