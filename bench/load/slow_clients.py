"""Clients that send their requests a byte at a time, to the web server itself."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from bench.web_server import THREADS, WORKERS

#: As many as there are threads; each sends a byte of a header twice a second.
_CLIENTS, _BYTE_S = WORKERS * THREADS, 0.5
_BEGINNING = b"GET / HTTP/1.1\r\nHost: peps.localhost\r\nX-Slow: "


@contextlib.contextmanager
def dribbling_clients(port: int) -> Iterator[None]:
    """Run the clients for the block. Each sends until the server ends its connection, and does not come back."""
    over = threading.Event()
    clients = [threading.Thread(target=_dribble, args=(port, over), daemon=True) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        over.set()
        for client in clients:
            client.join()


def _dribble(port: int, over: threading.Event) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(_BEGINNING)
        while not over.wait(_BYTE_S):
            client.sendall(b"x")
