"""Clients that send their request a byte at a time, to gunicorn itself, with no proxy in front."""

import contextlib
import http.client
import socket
import subprocess
import sys
import threading

import pytest

from sites.demo.processes import find_free_port
from tests.waits import LAST_S, wait_until
from tests.workers import ROOT, build_environment

THREADS = 2
HEADERS = b"POST / HTTP/1.1\r\nHost: peps.localhost\r\nContent-Length: 1000\r\n"


@pytest.fixture(scope="module")
def port():
    """The port of a server with two threads, whose limits are a second each."""
    port = find_free_port()
    command = [
        sys.executable, "-m", "gunicorn", "tests.config.impatient_server", "--workers", "1", "--threads", str(THREADS),
        "--worker-class", "tests.config.impatient_server.ImpatientWorker", "--bind", f"127.0.0.1:{port}",
    ]  # fmt: skip
    environment = build_environment()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        wait_until(lambda: send_whole(port, b"") == b"0")
        yield port
        process.terminate()


def send_whole(port, body):
    """Send a request at once; return the response's body, None where it cannot be reached."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LAST_S)) as client:
        try:
            client.request("POST", "/", body)
            return client.getresponse().read()
        except OSError:
            return None


def dribble(port, beginning, ended):
    """Send a beginning, then a byte ten times a second until the server ends the connection."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(beginning)
        client.settimeout(0.1)
        while not ended.is_set():
            client.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                if not client.recv(100):
                    break
    ended.set()


@pytest.mark.parametrize("beginning", [HEADERS + b"X-Slow: ", HEADERS + b"\r\n"], ids=["headers", "body"])
def test_clients_that_dribble_hold_no_thread_for_ever(port, beginning):
    ends = [threading.Event() for _ in range(THREADS)]
    clients = [threading.Thread(target=dribble, args=(port, beginning, end), daemon=True) for end in ends]
    try:
        for client in clients:
            client.start()
        assert send_whole(port, b"bonjour") == b"7"
        wait_until(lambda: all(end.is_set() for end in ends))
    finally:
        for client, end in zip(clients, ends, strict=True):
            end.set()
            client.join()
