"""Do the same work in many schemas, in several connections of the current role at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import Error

from core.connections import connected_as, connection

type _Ended = queue.SimpleQueue[tuple[str, Exception | None] | None]


def work_in_schemas(
    schemas: Sequence[str], work: Callable[[str], object], *, in_threads: bool = True
) -> Generator[tuple[str, Exception | None]]:
    """Call `work` with each schema, in `settings.MIGRATION_CONNECTIONS` threads; yield each as it ends, and its error.

    With one, for a lone schema or without `in_threads`, in the current connection. What stops the caller stops the
    threads, each after the schema that it is in.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for schema in schemas:
        waiting.put(schema)
    number = min(settings.MIGRATION_CONNECTIONS, len(schemas))
    if in_threads and number > 1:
        yield from _work_in_threads(waiting, work, number)
    # Also what the threads left, if none could connect.
    yield from _work_off(waiting, work)


def _work_in_threads(
    waiting: queue.SimpleQueue[str], work: Callable[[str], object], number: int
) -> Generator[tuple[str, Exception | None]]:
    ended: _Ended = queue.SimpleQueue()
    arguments = (connection.settings_dict, waiting, work, ended)
    threads = [threading.Thread(target=_run_thread, args=arguments) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        running = number
        while running:
            one = ended.get()
            if one is None:
                running -= 1
            else:
                yield one
    except BaseException:
        # Also where the caller takes no more.
        for _ in _take(waiting):
            pass
        raise
    finally:
        for thread in threads:
            thread.join()


def _run_thread(
    role: dict[str, Any], waiting: queue.SimpleQueue[str], work: Callable[[str], object], ended: _Ended
) -> None:
    """Work off what waits in a connection of its own; at the end, say so by a None."""
    try:
        with connected_as(role):
            connection.ensure_connection()
            for schema, error in _work_off(waiting, work):
                if error and not connection.is_usable():
                    connection.close()  # the next one connects again
                ended.put((schema, error))
    except Error:
        pass  # No connection: the others take what waits.
    finally:
        ended.put(None)


def _work_off(
    waiting: queue.SimpleQueue[str], work: Callable[[str], object]
) -> Generator[tuple[str, Exception | None]]:
    for schema in _take(waiting):
        try:
            work(schema)
        except Exception as error:  # noqa: BLE001 - a migration may fail in any way; the others must go on
            yield schema, error
        else:
            yield schema, None


def _take(waiting: queue.SimpleQueue[str]) -> Iterator[str]:
    while True:
        try:
            yield waiting.get_nowait()
        except queue.Empty:
            return
