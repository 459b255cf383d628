"""Periodic tasks, run by every worker in a thread beside its jobs.

They are not jobs: the task that retries stalled jobs must not wait in the queue behind them. Every worker runs all of
them, so each must be safe to run concurrently.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import close_old_connections, connection
from django_tenants.utils import get_public_schema_name, schema_context

from installation.hold import find_hold
from jobs.metrics import PERIODIC_FAILURES
from jobs.process import hold_found

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A function called at an interval, in the public schema."""

    perform: Callable[[], object]
    every: datetime.timedelta


registered_tasks: list[PeriodicTask] = []


def periodic_task[F: Callable[[], object]](*, every: datetime.timedelta) -> Callable[[F], F]:
    """Register a function that every worker calls at its start and then at each interval `every`."""

    def register(function: F) -> F:
        registered_tasks.append(PeriodicTask(function, every))
        PERIODIC_FAILURES.labels(function.__name__)
        return function

    return register


def run_periodic_tasks(stop: threading.Event) -> None:
    """Run the periodic tasks when due until `stop` is set, but none in a restored copy. A failure is logged."""
    due_at = [time.monotonic()] * len(registered_tasks)
    try:
        while not stop.is_set():
            for number, task in enumerate(registered_tasks):
                if due_at[number] <= time.monotonic():
                    _run(task)
                    due_at[number] = time.monotonic() + task.every.total_seconds()
            stop.wait(max(0.0, min(due_at) - time.monotonic()) if due_at else None)
    finally:
        connection.close()


def _is_held() -> bool:
    if find_hold() is None:
        hold_found.clear()
    else:
        hold_found.set()
    return hold_found.is_set()


def _run(task: PeriodicTask) -> None:
    close_old_connections()
    try:
        with schema_context(get_public_schema_name()):
            if _is_held():
                return
            task.perform()
    except Exception:
        PERIODIC_FAILURES.labels(task.perform.__name__).inc()
        logger.exception("The periodic task %s failed; it runs again in %s", task.perform, task.every)
    finally:
        close_old_connections()
