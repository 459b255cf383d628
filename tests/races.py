"""Real races: threads with their own connections, started together, whose commits are real."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future


#: Runs a race once in `make test`, three times in `make test-all`: without its lock one may still be won by chance.
three_rounds = pytest.mark.parametrize("race_round", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])


#: Threads that keep their connections from race to race: a new session reads the catalogue anew.
KEPT_THREADS = 16
_kept = ThreadPoolExecutor(max_workers=KEPT_THREADS)


def run_concurrently(
    schema: str,
    actions: Sequence[Callable[..., Any]],
    *,
    expected_errors: type[Exception] | tuple[type[Exception], ...],
) -> list[Any]:
    """Run the actions concurrently in `schema`, a thread each; return each result or refusal.

    Any other exception (a deadlock, a broken constraint) fails the test.
    """
    start = Barrier(len(actions), timeout=30)

    def run(action: Callable[..., Any]) -> Any:
        if connection.connection is not None and not connection.is_usable():
            connection.close()  # a test had the server end it
        with schema_context(schema), connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # connected before the race, not in it
            start.wait()
            try:
                return action()
            except expected_errors as refusal:
                return refusal

    def run_and_close(action: Callable[..., Any]) -> Any:
        with closing(connection):
            return run(action)

    if len(actions) <= KEPT_THREADS:
        return list(_kept.map(run, actions))
    with ThreadPoolExecutor(max_workers=len(actions)) as threads:
        return list(threads.map(run_and_close, actions))


def close_kept_connections() -> None:
    """Close what the threads of races keep, so that the database can be dropped."""
    everyone = Barrier(KEPT_THREADS)

    def close(_: int) -> None:
        everyone.wait()
        connection.close()

    list(_kept.map(close, range(KEPT_THREADS)))


@contextmanager
def open_transaction(schema: str, act: Callable[[], object]) -> Iterator[None]:
    """Act in a transaction of another session, in `schema`, and keep it open for the block; then commit it."""
    done, over = Event(), Event()

    def run() -> None:
        with closing(connection), schema_context(schema), transaction.atomic():
            act()
            done.set()
            over.wait(timeout=60)

    with ThreadPoolExecutor(max_workers=1) as threads:
        session = threads.submit(run)
        try:
            assert done.wait(timeout=20), session
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
        running.result(timeout=30)
