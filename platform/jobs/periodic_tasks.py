"""Periodic tasks, run by every worker in a thread beside its jobs.

They are not jobs: the task that retries stalled jobs must not wait in the queue behind them. Every worker runs all of
them, so each must be safe to run concurrently.
"""

import contextlib
import datetime
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import close_old_connections, connection
from django_tenants.utils import get_public_schema_name, schema_context
from procrastinate import JobContext
from prometheus_client import Counter, Histogram

from installation.hold import find_hold

JOBS = Histogram(
    "peps_job_seconds",
    "Runs of jobs; outcome: succeeded, retried after an error, or failed for good.",
    ["queue", "task", "outcome"],
    buckets=(0.05, 0.25, 1, 5, 15, 60, 300, 900),
)
# Without labels, so that it is 0 from the start: the first failure of a task would else be no increase.
FAILED = Counter("peps_jobs_failed", "Jobs that failed for good, by an error or by their worker's death.")
LOST_RUNS = Counter("peps_job_lost_runs", "Runs that ended with the process of their worker.")
PERIODIC_FAILURES = Counter("peps_periodic_failures", "Runs of periodic tasks that ended with an error.", ["task"])


@contextlib.contextmanager
def measure_job(context: JobContext) -> Iterator[None]:
    """Time the run of a job and count it by its outcome."""
    started = time.perf_counter()
    outcome = "succeeded"
    try:
        yield
    except BaseException as error:
        task = context.app.tasks[context.job.task_name]
        will_retry = task.get_retry_exception(exception=error, job=context.job) is not None
        outcome = "retried" if will_retry else "failed"
        FAILED.inc(not will_retry)
        raise
    finally:
        JOBS.labels(context.job.queue, context.job.task_name, outcome).observe(time.perf_counter() - started)


#: Set when the worker receives SIGTERM or SIGINT. Tasks that process many items check it between two items, release
#: those they have not started, and return.
shutdown_requested = threading.Event()

#: Set while the database is held as a restored copy: the workers of this process take no more jobs.
hold_found = threading.Event()

#: Allocations between two collections of the youngest generation. A list of 60,000 rows is some millions of objects
#: without cycles: with Python's default threshold the collector takes a fifth of the run time.
GC_THRESHOLD = 200_000


def raise_gc_threshold() -> None:
    """Make the garbage collector of this process run less often."""
    _, middle, oldest = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, middle, oldest)


@contextlib.contextmanager
def disable_gc() -> Iterator[None]:
    """Disable the garbage collector for the duration of the block.

    Hundreds of thousands of cells and rows make no cycles, yet every collection traverses all of them: half the time of
    a large import, a third of the recognition of its schools. Reference counting still frees everything else.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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
