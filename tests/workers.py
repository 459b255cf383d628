"""Real worker processes on the test database."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent


def database_url() -> str:
    """Return the URL of the database the test is connected to."""
    settings = connection.settings_dict
    user = urllib.parse.quote(settings["USER"])
    password = f":{urllib.parse.quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
    options = dict(settings["OPTIONS"])
    host, port = settings["HOST"], f":{settings['PORT']}" if settings["PORT"] else ""
    if host.startswith("/"):
        options["host"], host = host, ""
    # libpq takes a "+" as it stands: a space is %20.
    query = urllib.parse.urlencode(options, quote_via=urllib.parse.quote)
    return f"postgresql://{user}{password}@{host}{port}/{settings['NAME']}?{query}"


def build_environment(**more: str) -> dict[str, str]:
    """Return the environment of a process of the project on the database the test is connected to."""
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
        "DATABASE_URL": database_url(),
        **more,
    }


@contextlib.contextmanager
def running_worker(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker process with the tests' message kinds and a heartbeat of one second; kill it on exit."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.worker_process", *arguments],
        cwd=ROOT,
        env=build_environment(**{"JOBS_HEARTBEAT": "1", "LOG_LEVEL": "WARNING"} | environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until[T](condition: Callable[[], T], *, timeout: float = 30.0) -> T:
    """Wait until the condition returns something true, and return that; something false where it did not in time."""
    deadline = time.monotonic() + timeout
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result
