"""A threaded HTTP server that receives webhooks and can answer, fail, hang or break the protocol.

Its behaviour is chosen per request, so that one event may fail while others pass.
"""

import contextlib
import gzip
import http.server
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.local_site import LocalSite
from tests.waits import wait_until

type Behaviour = Callable[[ReceiverHandler], None]


#: A gzip bomb: twenty kilobytes that expand to twenty megabytes.
BOMB = gzip.compress(b"\0" * 20_000_000)


@dataclass(frozen=True)
class ReceivedRequest:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver(LocalSite):
    """Listens on this machine. `behaviour` answers each request; change it at any time."""

    path = "/crochet"

    def __init__(self, behaviour: Behaviour | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(ReceiverHandler, host, port)
        self.behaviour = behaviour or respond_with(200)
        self.received: list[ReceivedRequest] = []
        self.connections = 0

    def note(self, received: ReceivedRequest) -> None:
        self.received.append(received)

    def wait_for(self, count: int) -> None:
        """Wait for `count` requests. Raises `NotInTime`."""
        wait_until(lambda: len(self.received) >= count)

    @property
    def contents(self) -> list[dict[str, Any]]:
        """The received bodies, in order."""
        return [one.content for one in self.received]


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def setup(self) -> None:
        super().setup()
        self.server.site.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received = ReceivedRequest(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        behaviour = self.server.site.behaviour
        self.server.site.note(self.received)
        behaviour(self)

    def respond(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def raw(self, content: bytes) -> None:
        """Write raw bytes, then close the connection."""
        self.close_connection = True
        self.wfile.write(content)

    def trickle(self, piece: bytes, every: float) -> None:
        """Write `piece` repeatedly until the client hangs up."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            while not self.server.site.over.wait(every):
                self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def respond_with(status: int, content: bytes = b"ok", **headers: str) -> Behaviour:
    return lambda handler: handler.respond(status, content, **headers)


def hang(handler: ReceiverHandler) -> None:
    handler.close_connection = True
    handler.server.site.over.wait()


def hang_up(handler: ReceiverHandler) -> None:
    handler.close_connection = True


def send_garbage(handler: ReceiverHandler) -> None:
    handler.raw(b"\x16\x03\x01 bonjour\r\n\r\n")


def drip_headers(handler: ReceiverHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    handler.trickle(b"X-Goutte: 1\r\n", 0.05)


def send_endless_continue(handler: ReceiverHandler) -> None:
    handler.trickle(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)


def send_short_body(handler: ReceiverHandler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ncourt")


def send_long_body(handler: ReceiverHandler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + b"long" * 1000)


def send_endless_chunks(handler: ReceiverHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.trickle(b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0.0)


def drip_body(handler: ReceiverHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    handler.trickle(b"x", 0.05)


def send_gzip_bomb(handler: ReceiverHandler) -> None:
    handler.respond(200, BOMB, Content_Encoding="gzip")


def respond_once(event: threading.Event) -> Behaviour:
    """Return the behaviour of a receiver that answers when the event is set."""

    def behaviour(handler: ReceiverHandler) -> None:
        while not event.wait(0.1) and not handler.server.site.over.is_set():
            pass
        handler.respond(200)

    return behaviour


def respond_after(seconds: float) -> Behaviour:
    def behaviour(handler: ReceiverHandler) -> None:
        time.sleep(seconds)
        handler.respond(200)

    return behaviour
