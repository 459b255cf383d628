"""Subprocesses of the demo: mail server, worker, web server; and waiting for what the worker does."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.conf import settings
from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob

#: After which jobs of which none has begun or ended never will.
_QUIET_SECONDS = 120.0
#: After which all is given up: some jobs come again every minute.
_GIVEN_UP_SECONDS = 900.0


class NothingHappens(Exception):
    """The worker does not do what is waited for; the message tells of its jobs."""


def wait_for_work(condition: Callable[[], bool], description: str) -> None:
    """Wait until the condition holds, while jobs begin and end. Raises `NothingHappens`."""
    started = changed = time.monotonic()
    seen = ""
    while not condition():
        now, jobs = time.monotonic(), count_jobs()
        if jobs != seen:
            seen, changed = jobs, now
        if now - changed > _QUIET_SECONDS or now - started > _GIVEN_UP_SECONDS:
            raise NothingHappens(f"Attendu en vain pendant {now - started:.0f} s : {description}. Tâches : {seen}.")
        time.sleep(0.05)


def count_jobs() -> str:
    """Return how many jobs are in which state, by task, in one line."""
    jobs = ProcrastinateJob.objects.values_list("task_name", "status").annotate(count=Count("pk"))
    return ", ".join(f"{task} {status} {count}" for task, status, count in jobs.order_by("task_name", "status"))


HOST = "127.0.0.1"
#: After which a process that runs and does not listen never will, on the busiest machine.
_LAST_SECONDS = 600.0
#: After which a process that was told to end is killed.
_END_SECONDS = 60.0


class ProcessNotStarted(Exception):
    """A process exited, or never listened; the message says which, and names its log."""


def find_free_port() -> int:
    """Return a free TCP port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_port_taken(port: int) -> bool:
    """Return whether a process listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@contextlib.contextmanager
def run_process(name: str, command: Sequence[str], *, port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, logging to a file, until the block ends. Raises `ProcessNotStarted`."""
    log: Path = settings.DATA / f"{name}.log"
    roots = os.pathsep.join((str(settings.ROOT), str(settings.ROOT / "platform")))
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=settings.ROOT, env=os.environ | {"PYTHONPATH": roots}, stdout=output, stderr=output
        )
    try:
        if port is not None:
            _wait_for_port(process, name, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def build_manage_command(*arguments: str) -> list[str]:
    """Return the command line of a management command."""
    return [sys.executable, str(settings.ROOT / "manage.py"), *arguments]


def build_web_command(port: int) -> list[str]:
    """Return the command line of the web server."""
    return [
        sys.executable, "-m", "gunicorn", "config.wsgi", "--config", "python:config.gunicorn_worker",
        "--bind", f"{HOST}:{port}", "--workers", "2", "--threads", "4",
    ]  # fmt: skip


def _wait_for_port(process: subprocess.Popen[bytes], name: str, port: int, log: Path) -> None:
    started = time.monotonic()
    while not is_port_taken(port):
        waited, code = time.monotonic() - started, process.poll()
        if code is not None or waited > _LAST_SECONDS:
            seen = f"rien n'écoute au port {port}" if code is None else f"le processus s'est arrêté avec le code {code}"
            raise ProcessNotStarted(
                f"« {name} » n'a pas démarré : {seen} après {waited:.0f} s. Voir {log}.\n"
                f"{log.read_text(errors='replace')[-2000:]}"
            )
        time.sleep(0.05)
