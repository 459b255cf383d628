"""A worker's figures over HTTP, which it has no other reason to speak: a thread that answers whoever has the token."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterable, Iterator
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from core.metrics import CONTENT_TYPE, may_read, render_metrics


class MetricsServer(socketserver.ThreadingMixIn, WSGIServer):
    """Serves each request in a thread that does not keep the process."""

    daemon_threads = True


class MetricsRequestHandler(WSGIRequestHandler):
    """Logs no requests, and ends one that takes longer than `timeout` seconds."""

    timeout = 10

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing."""


@contextlib.contextmanager
def serve_metrics(host: str, port: int) -> Iterator[None]:
    """Answer at this address until the block ends. Raises `OSError` where it is taken."""
    with make_server(host, port, answer_metrics, server_class=MetricsServer, handler_class=MetricsRequestHandler) as it:
        thread = threading.Thread(target=it.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            it.shutdown()
            thread.join()


def answer_metrics(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request, whatever its path, with the figures; without the token with 401."""
    if not may_read(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Length", "0")])
        return []
    body = render_metrics()
    start_response("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
    return [body]
