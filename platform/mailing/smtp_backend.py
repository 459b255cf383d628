"""SMTP backend that gives each phase of a conversation the time that RFC 5321 asks for (section 4.5.3.2).

The longest is the reply to the final dot: whoever gives up before it sends again what was accepted. While it waits, the
backend calls `on_wait`, so that its caller can renew leases.
"""

from __future__ import annotations

import functools
import selectors
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from django.core.mail.backends import smtp

#: Seconds between two calls of `on_wait`.
_WAIT_INTERVAL = 20.0
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
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            while not selector.select(max(0.0, min(_WAIT_INTERVAL, deadline - time.monotonic()))):
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
