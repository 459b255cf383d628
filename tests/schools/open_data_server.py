"""A threaded HTTP server of a file of open data: it can redirect, fail, drip, hang up or answer something else."""

import contextlib
import http.server
import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

from tests.local_site import LocalSite

type Answer = Callable[[OpenDataHandler], None]


class OpenDataServer(LocalSite):
    """Listens on localhost. `answer` answers each request; change it at any time."""

    path = "/exports/annuaire.csv"

    def __init__(self) -> None:
        super().__init__(OpenDataHandler)
        self.answer: Answer = serve(b"")
        self.requests: list[tuple[str, dict[str, str]]] = []


@contextlib.contextmanager
def directory_site(settings: Any) -> Iterator[OpenDataServer]:
    """Run a server that the directory is updated from, for the block."""
    settings.DIRECTORY_PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    with OpenDataServer() as server:
        settings.DIRECTORY_URL = server.url
        yield server


class OpenDataHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        site = self.server.site
        site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        site.answer(self)

    def respond(self, status: int, content: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if length is not None:
            self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(content)

    def drip(self, piece: bytes, every: float, pieces: int = 1_000_000) -> None:
        """Answer with `piece` repeatedly, until the client hangs up."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(pieces):
                if self.server.site.over.wait(every):
                    break
                self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def serve(content: bytes, status: int = 200, *, length: int | None = None, **headers: str) -> Answer:
    """Return an answer. `length`: the Content-Length that it claims."""
    return lambda handler: handler.respond(status, content, length=length, **headers)


def serve_unless_known(content: bytes, etag: str) -> Answer:
    """Return an answer that is 304 for whoever has the file already."""

    def answer(handler: OpenDataHandler) -> None:
        if handler.headers.get("If-None-Match") == etag:
            handler.respond(304, ETag=etag)
        else:
            handler.respond(200, content, ETag=etag)

    return answer
