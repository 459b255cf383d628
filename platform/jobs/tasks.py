"""Background tasks: each runs in an explicit schema, and is queued in the transaction that causes it.

A worker runs one task after another on the same connections: without an explicit schema, a task would run in the schema
of the previous one.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django_tenants.utils import schema_context
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable


def task(*, name: str, queue: str = "default", **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a task that runs inside the schema given to `defer`.

    The decorated function keeps its signature and can be called directly, in the current schema. `options` are
    procrastinate's, such as `retry`.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @app.task(name=name, queue=queue, **options)
        @functools.wraps(function)
        def run(*, schema: str, **arguments: Any) -> Any:
            with schema_context(schema):
                return function(**arguments)

        return function

    return register


def defer(
    name: str,
    *,
    schema: str,
    at: datetime.datetime | None = None,
    lock: str | None = None,
    priority: int = 0,
    **arguments: Any,
) -> int:
    """Queue the task called `name`, in the current transaction, to run inside `schema`; return the job's id.

    By name, so that a package can queue a task of a package above it without importing it. `at`: earliest start.
    `lock`: jobs with the same lock run one after another. `priority`: higher runs first.
    """
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, lock=lock, priority=priority)
    return deferrer.defer(schema=schema, **arguments)


def defer_many(
    name: str, times: int, *, schema: str, at: datetime.datetime | None = None, priority: int = 0, **arguments: Any
) -> None:
    """Queue the same task `times` times in one statement, for work shared by several workers."""
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, priority=priority)
    deferrer.batch_defer(*({"schema": schema, **arguments} for _ in range(times)))


def defer_once(
    name: str,
    *,
    schema: str,
    queueing_lock: str,
    at: datetime.datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> int | None:
    """Queue the task unless a job with the same `queueing_lock` is waiting; return the job's id, else None.

    A job that has started does not count: it may have read the data before this transaction.
    """
    deferrer = app.configure_task(
        name, allow_unknown=False, schedule_at=at, queueing_lock=queueing_lock, priority=priority
    )
    try:
        # A savepoint: the unique violation must not abort the surrounding transaction.
        with transaction.atomic():
            return deferrer.defer(schema=schema, **arguments)
    except AlreadyEnqueued:
        return None
