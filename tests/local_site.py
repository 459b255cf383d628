"""A threaded HTTP server on this machine, for as long as a test needs it."""

import http.server
import threading
from collections.abc import Callable
from typing import Any, Self


class LocalSite:
    """Listens on an address of this machine in a thread for the block; handlers find it as `server.site`."""

    #: The path of its URL.
    path = "/"

    def __init__(
        self, handler: Callable[..., http.server.BaseHTTPRequestHandler], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        #: Set on exit, so that no handler outlives the test.
        self.over = threading.Event()
        self.host = host
        self._server = _LocalHttpServer((host, port), handler)
        self._server.site = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _LocalHttpServer(http.server.ThreadingHTTPServer):
    site: Any
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that hang up are part of the tests."""
