"""Real races: threads with their own connections, started together, whose commits are real."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from tests.cluster import CITUS_URL
from tests.tiers import sampled
from tests.waits import LAST_S, wait_until

#: Runs a race once in `make test`, three times in `make test-all`: without its lock one may still be won by chance.
three_rounds = pytest.mark.parametrize("race_round", sampled([1, 2, 3], fast=1))


def run_concurrently(
    schema: str,
    actions: Sequence[Callable[..., Any]],
    *,
    expected_errors: type[Exception] | tuple[type[Exception], ...],
) -> list[Any]:
    """Run the actions concurrently in `schema`, a thread each; return each result or refusal.

    Any other exception (a deadlock, a broken constraint) fails the test.
    """
    start = Barrier(len(actions))

    def run(action: Callable[..., Any]) -> Any:
        with closing(connection), schema_context(schema):
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")  # connected before the race, not in it
            except Exception:
                # The others would wait for this one.
                start.abort()
                raise
            start.wait(timeout=LAST_S)
            try:
                return action()
            except expected_errors as refusal:
                return refusal

    with ThreadPoolExecutor(max_workers=len(actions)) as threads:
        runs = [threads.submit(run, action) for action in actions]
    # What broke the barrier, and not that it broke.
    for failure in filter(None, (one.exception() for one in runs)):
        if not isinstance(failure, BrokenBarrierError):
            raise failure
    return [one.result() for one in runs]


@contextmanager
def open_transaction(schema: str, act: Callable[[], object]) -> Iterator[None]:
    """Act in a transaction of another session, in `schema`, and keep it open for the block; then commit it."""
    done, over = Event(), Event()

    def run() -> None:
        with closing(connection), schema_context(schema), transaction.atomic():
            act()
            done.set()
            wait_until(over.is_set)

    with ThreadPoolExecutor(max_workers=1) as threads:
        session = threads.submit(run)
        try:
            wait_until(lambda: done.is_set() or session.done())
            if not done.is_set():
                session.result()
            yield
        finally:
            over.set()
        session.result()


@contextmanager
def run_in_thread(schema: str, job: Callable[[], object]) -> Iterator[Future[object]]:
    """Run a job in `schema` in another thread, as a worker does; at the end of the block, wait for it."""

    def run() -> object:
        with closing(connection), schema_context(schema):
            return job()

    with ThreadPoolExecutor(max_workers=1) as threads:
        running = threads.submit(run)
        yield running
        running.result(timeout=LAST_S)


def wait_for_blocked_session(*, unless: Callable[[], bool] = lambda: False) -> None:
    """Wait until a session of this database waits for a lock, or `unless` is true. Raises `NotInTime`."""
    if CITUS_URL:
        # The lock may be on a node, which the coordinator does not see.
        time.sleep(0.5)
        return

    def is_blocked() -> bool:
        with connection.cursor() as cursor:
            # Else a transaction sees who waited when it looked first.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database())"
            )
            return bool(cursor.fetchone()[0])

    wait_until(lambda: unless() or is_blocked())
