"""Real worker processes on the test database."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from tests.database_roles import build_url

ROOT = Path(__file__).resolve().parent.parent


def database_url() -> str:
    """Return the URL of the database the test is connected to."""
    return build_url(connection.settings_dict)


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
        # Shown where the test fails.
        sys.stderr.write(process.communicate()[1])
