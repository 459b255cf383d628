"""Background tasks: each runs in an explicit schema, and is queued in the transaction that causes it.

A worker runs one task after another on the same connections: without an explicit schema, a task would run in the schema
of the previous one.
"""

import datetime
import functools
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django_tenants.utils import schema_context
from procrastinate import BaseRetryStrategy, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from core.registry import Registry
from core.telemetry import note_queued_job

# Lanes: the threads that a worker keeps for some queues, so that what waits in one lane never holds up another.
#
# Each app declares the lanes of its queues beside its tasks. All other queues share the lane of `--concurrency`
# threads.


class Lane(NamedTuple):
    """Queues served together by a number of threads of their own."""

    queues: tuple[str, ...]
    threads: int
    #: Whether its jobs are the likely cause when a process dies: they hold large lists and read people's files.
    is_suspect: bool = False


_lanes: list[Lane] = []


def declare_lane(*queues: str, threads: int, is_suspect: bool = False) -> None:
    """Give these queues threads of their own in every worker."""
    _lanes.append(Lane(queues, max(1, threads), is_suspect))


def is_suspect(queue: str) -> bool:
    """Whether the jobs of a queue are the likely cause of their worker's death."""
    return any(lane.is_suspect for lane in _lanes if queue in lane.queues)


def plan_lanes(*, concurrency: int, queues: Collection[str] | None) -> list[Lane]:
    """Return the lanes of a worker: those declared, and one of `concurrency` threads for the other queues.

    `queues`: only these; None means all.
    """
    declared = {queue for lane in _lanes for queue in lane.queues}
    known = {task.queue for task in app.tasks.values()} if queues is None else set(queues)
    lanes = [
        lane._replace(queues=served)
        for lane in _lanes
        if (served := tuple(queue for queue in lane.queues if queues is None or queue in queues))
    ]
    if others := tuple(sorted(known - declared)):
        lanes.append(Lane(others, concurrency))
    return lanes


logger = logging.getLogger(__name__)

#: Waits 3, 9, 27 … 6,561 s, under three hours in all: outlasts a dropped connection and most outages of the database.
#: For any exception, as a release may mend the cause: a task must be safe to run again in any case.
DEFAULT_RETRY = RetryStrategy(max_attempts=8, exponential_wait=3)
#: Waits 3, 9, 27 and 81 s, for what somebody watches, who is then told.
WATCHED_RETRY = RetryStrategy(max_attempts=4, exponential_wait=3)

_given_up_handlers: Registry[Callable[..., Any]] = Registry("handler of jobs that were given up")


def task(
    *,
    name: str,
    queue: str = "default",
    retry: BaseRetryStrategy = DEFAULT_RETRY,
    on_given_up: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a task that runs inside the schema given to `defer`.

    The decorated function keeps its signature and can be called directly, in the current schema. It must be idempotent:
    it is run again after an exception as `retry` says, and after its worker's death. `on_given_up`: called in the same
    schema with the same arguments once a job has killed its worker too often; tells those who wait for it.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if on_given_up is not None:
            _given_up_handlers.declare(name, on_given_up)

        @app.task(name=name, queue=queue, retry=retry)
        @functools.wraps(function)
        def run(*, schema: str, **arguments: Any) -> Any:
            with schema_context(schema):
                return function(**arguments)

        return function

    return register


def report_given_up(name: str, arguments: Mapping[str, Any]) -> None:
    """Call the task's `on_given_up`, if any, for a job with these arguments. A failure of it is logged."""
    handler = _given_up_handlers.get(name)
    if handler is None:
        return
    others = dict(arguments)
    try:
        with schema_context(others.pop("schema")), transaction.atomic():
            handler(**others)
    except Exception:
        logger.exception("Nobody could be told that %s was given up", name)


def defer(
    name: str,
    *,
    schema: str,
    at: datetime.datetime | None = None,
    lock: str | None = None,
    priority: int = 0,
    queue: str | None = None,
    **arguments: Any,
) -> int:
    """Queue the task called `name`, in the current transaction, to run inside `schema`; return the job's id.

    By name, so that a package can queue a task of a package above it without importing it. `at`: earliest start.
    `lock`: jobs with the same lock run one after another. `priority`: higher runs first. `queue`: another than the
    task's.
    """
    options = {} if queue is None else {"queue": queue}
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, lock=lock, priority=priority, **options)
    job_id = deferrer.defer(schema=schema, **arguments)
    note_queued_job(job_id, name)
    return job_id


def defer_many(
    name: str,
    times: int,
    *,
    schema: str,
    at: datetime.datetime | None = None,
    priority: int = 0,
    queue: str | None = None,
    **arguments: Any,
) -> None:
    """Queue the same task `times` times in one statement, for work shared by several workers."""
    options = {} if queue is None else {"queue": queue}
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, priority=priority, **options)
    deferrer.batch_defer(*({"schema": schema, **arguments} for _ in range(times)))


def defer_once(
    name: str,
    *,
    schema: str,
    queueing_lock: str,
    at: datetime.datetime | None = None,
    lock: str | None = None,
    priority: int = 0,
    **arguments: Any,
) -> int | None:
    """Queue the task unless a job with the same `queueing_lock` is waiting; return the job's id, else None.

    A job that has started does not count: it may have read the data before this transaction. `lock`: as of `defer`.
    """
    deferrer = app.configure_task(
        name, allow_unknown=False, schedule_at=at, queueing_lock=queueing_lock, lock=lock, priority=priority
    )
    try:
        # A savepoint: the unique violation must not abort the surrounding transaction.
        with transaction.atomic():
            job_id = deferrer.defer(schema=schema, **arguments)
    except AlreadyEnqueued:
        return None
    note_queued_job(job_id, name)
    return job_id


def round_up_to_second(moment: datetime.datetime) -> datetime.datetime:
    """Return the next full second: the start of one job for all who ask within it, which runs for none too early."""
    return moment.replace(microsecond=0) + datetime.timedelta(seconds=1 if moment.microsecond else 0)
