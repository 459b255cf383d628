"""Gunicorn on the scratch database, and an HTTP client for it."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from bench.scratch_database import ROOT, url
from sites.demo.processes import find_free_port, is_port_taken

#: As in docs/deploy.md.
WORKERS, THREADS = 4, 4
OPTIONS = ("--config", "python:config.gunicorn_worker", "--threads", str(THREADS))
#: Until the workers answer, on the busiest machine.
_START_TIMEOUT_S = 600


@dataclass(frozen=True)
class ServerResponse:
    """The server's response."""

    status: int
    content: bytes

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.content)


@dataclass(frozen=True)
class GunicornServer:
    """Gunicorn: its master, and where it listens."""

    master: int
    port: int

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return [int(number) for number in children.split()]


@dataclass(frozen=True)
class OfficeServer(GunicornServer):
    """One office's server, and the API token of its client."""

    host: str
    token: str

    def post(self, path: str, body: bytes, *, key: str | None = None) -> ServerResponse:
        """Post to `/api/v1<path>` on a new connection."""
        headers = {
            "Host": self.host,
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        } | ({} if key is None else {"Idempotency-Key": key})
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)) as connection:
            connection.request("POST", f"/api/v1{path}", body, headers)
            answer = connection.getresponse()
            return ServerResponse(answer.status, answer.read())

    def peak(self) -> float:
        """Return the highest peak memory of a worker process, in MB."""
        return max(_read_memory(number, "VmHWM") for number in self.workers())

    def resident(self) -> float:
        """Return the memory of all worker processes together, in MB."""
        return sum(_read_memory(number, "VmRSS") for number in self.workers())


@contextlib.contextmanager
def running_server(slug: str, token: str, **variables: str) -> Iterator[OfficeServer]:
    """Run gunicorn on the scratch database for the block, with these environment variables besides its own."""
    environment = os.environ | {
        "DATABASE_URL": url(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
        # Load is measured: no rate limit.
        "API_REQUESTS_PER_MINUTE": "1000000",
        "LOG_LEVEL": "ERROR",
        **variables,
    }
    with running_gunicorn("config.wsgi", *OPTIONS, environment=environment) as started:
        server = OfficeServer(started.master, started.port, f"{slug}.{settings.BASE_DOMAIN}", token)
        _wait_for(server)
        yield server


@contextlib.contextmanager
def running_gunicorn(application: str, *options: str, environment: Mapping[str, str]) -> Iterator[GunicornServer]:
    """Run gunicorn with `WORKERS` on a free port for the block. Raises `OSError` where it ends, or never listens."""
    port = find_free_port()
    command = [
        sys.executable, "-m", "gunicorn", application, *options, "--workers", str(WORKERS),
        "--bind", f"127.0.0.1:{port}", "--log-level", "warning", "--no-control-socket",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, env=dict(environment)) as process:  # noqa: S603 - our own server
        try:
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not is_port_taken(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise OSError(f"{application} is not served.")
                time.sleep(0.05)
            yield GunicornServer(process.pid, port)
        finally:
            process.terminate()


def _wait_for(server: OfficeServer) -> None:
    """Wait until each worker has answered: the first request of a process loads code.

    Raises `OSError` where the server has ended, or does not answer in time.
    """
    deadline = time.monotonic() + _START_TIMEOUT_S
    answered = 0
    while answered < 5 * WORKERS:
        try:
            server.post("/rien", b"{}")
            answered += 1
        except OSError:
            if not Path(f"/proc/{server.master}").exists() or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _read_memory(process: int, name: str) -> float:
    """Return a figure of the process's status, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    figure = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(figure.split()[1]) / 1024
