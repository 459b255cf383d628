"""Work done outside requests: each task names the schema it works in, and is queued in the causing transaction.

A worker runs one task after another on the same connections: a task that did not say its schema would work in the
schema of the one before it.
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

    The function keeps its own signature and can be called as it is, inside whatever schema is current. `options` are
    procrastinate's, such as `retry`.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*, schema: str, **arguments: Any) -> Any:
            with schema_context(schema):
                return function(**arguments)

        app.task(name=name, queue=queue, **options)(run)
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
    """Queue the task called `name`, in the current transaction, to run inside `schema`; return the job's number.

    By name, so that a package may cause work in one above it without importing it. `at`: not before that moment.
    `lock`: jobs of the same lock run one after another. `priority`: the higher goes first.
    """
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, lock=lock, priority=priority)
    return deferrer.defer(schema=schema, **arguments)


def defer_several(
    name: str, times: int, *, schema: str, at: datetime.datetime | None = None, priority: int = 0, **arguments: Any
) -> None:
    """Queue the same task several times over, in one statement: for work that several workers share."""
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, priority=priority)
    deferrer.batch_defer(*({"schema": schema, **arguments} for _ in range(times)))


def defer_once(
    name: str,
    *,
    schema: str,
    once: str,
    at: datetime.datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> int | None:
    """Queue the task unless one with the same `once` is waiting already; return the job's number, None if it was.

    A job that has started is not waiting any more: it may have looked before what causes this one was there.
    """
    deferrer = app.configure_task(name, allow_unknown=False, schedule_at=at, queueing_lock=once, priority=priority)
    try:
        # A savepoint: the refusal must not spoil the transaction around it.
        with transaction.atomic():
            return deferrer.defer(schema=schema, **arguments)
    except AlreadyEnqueued:
        return None
