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
    query = urllib.parse.urlencode(options)
    return f"postgresql://{user}{password}@{host}{port}/{settings['NAME']}?{query}"


@contextlib.contextmanager
def running_worker(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker process with the tests' message kinds and a heartbeat of one second; kill it on exit."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.worker_process", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
            "DATABASE_URL": database_url(),
            "JOBS_HEARTBEAT": "1",
            "LOG_LEVEL": "WARNING",
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], *, timeout: float = 30.0) -> bool:
    """Wait until the condition holds; return whether it did in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
