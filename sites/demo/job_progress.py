"""Waits for what the worker of the demo does, however long it takes on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob

#: After which jobs of which none has begun or ended never will.
_QUIET_SECONDS = 120.0
#: After which all is given up: some jobs come again every minute.
_LAST_SECONDS = 900.0


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
        if now - changed > _QUIET_SECONDS or now - started > _LAST_SECONDS:
            raise NothingHappens(f"Attendu en vain pendant {now - started:.0f} s : {description}. Tâches : {seen}.")
        time.sleep(0.05)


def count_jobs() -> str:
    """Return how many jobs are in which state, by task, in one line."""
    jobs = ProcrastinateJob.objects.values_list("task_name", "status").annotate(count=Count("pk"))
    return ", ".join(f"{task} {status} {count}" for task, status, count in jobs.order_by("task_name", "status"))
