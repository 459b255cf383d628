"""The worker process: runs queued jobs in threads.

Procrastinate fetches jobs and sends heartbeats on the event loop, over connections of its own; tasks are synchronous
functions and run in threads, each with its Django connection, which procrastinate's middleware checks before a task and
closes when it is broken. Tasks defer jobs through their thread's Django connection, hence in their transaction: the
queue's connector is given to a second `App` and never replaces the first one's.

When the database goes away, procrastinate's worker ends but not the process: a new run starts as soon as the database
responds, and the jobs of the lost run are retried like those of any dead worker. After `give_up_after` seconds the
process ends with an error, for its supervisor.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
from django.conf import settings
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker

from jobs.housekeeping import get_stall_timeout
from jobs.periodic_tasks import run_periodic_tasks
from jobs.process import raise_gc_threshold, shutdown_requested

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

#: Seconds between two attempts to reconnect.
_RECONNECT_DELAY = 2.0
#: Seconds after which a run counts as successful: the next failure starts a new outage.
_STABLE_RUN = 60.0


class DatabaseUnavailable(Exception):
    """The database stayed unreachable for too long."""


def run(*, concurrency: int, queues: Sequence[str] | None, until_idle: bool, give_up_after: float) -> None:
    """Run jobs until SIGTERM or SIGINT; with `until_idle`, until no job is due.

    On a signal, take no more jobs and wait for the running ones: long ones check `jobs.process.shutdown_requested`.
    Raises `DatabaseUnavailable` when the database has been unreachable for `give_up_after` seconds.
    """
    shutdown_requested.clear()
    raise_gc_threshold()
    stop_periodic = threading.Event()
    periodic_thread = threading.Thread(target=run_periodic_tasks, args=(stop_periodic,), name="upkeep", daemon=True)
    periodic_thread.start()
    try:
        asyncio.run(_run(concurrency, queues, until_idle=until_idle, give_up_after=give_up_after))
    finally:
        stop_periodic.set()
        periodic_thread.join(timeout=30)


async def _run(concurrency: int, queues: Sequence[str] | None, *, until_idle: bool, give_up_after: float) -> None:
    # The default executor has too few threads on a machine with few cores.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(concurrency + 2, thread_name_prefix="job"))
    unavailable_since: float | None = None
    while not shutdown_requested.is_set():
        started = time.monotonic()
        try:
            await _run_until_failure(concurrency, queues, until_idle=until_idle)
            failure: Exception | None = None
        except Exception as error:  # noqa: BLE001 - any failure ends this run only; the next one may succeed
            failure = error
        if shutdown_requested.is_set() or (until_idle and failure is None):
            return
        ended = time.monotonic()
        if ended - started > _STABLE_RUN:
            unavailable_since = ended
        elif unavailable_since is None:
            unavailable_since = started
        if ended - unavailable_since > give_up_after:
            raise DatabaseUnavailable(f"The database has been away for {ended - unavailable_since:.0f} s.") from failure
        logger.error("The worker lost its database (%s); it tries again in %s s", failure, _RECONNECT_DELAY)
        await asyncio.sleep(_RECONNECT_DELAY)


async def _run_until_failure(concurrency: int, queues: Sequence[str] | None, *, until_idle: bool) -> None:
    # Fail at once if the server is down: the pool would wait 30 s.
    async with await psycopg.AsyncConnection.connect(**connector_params()):
        pass
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=5, timeout=10.0)
    async with app.with_connector(connector).open_async() as queue:
        worker = Worker(
            queue,
            queues=queues,
            concurrency=concurrency,
            wait=not until_idle,
            install_signal_handlers=False,
            update_heartbeat_interval=settings.JOBS_HEARTBEAT,
            stalled_worker_timeout=get_stall_timeout(),
            # Checks Django's connections before each task.
            task_middleware=app.worker_defaults["task_middleware"],
        )
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, _request_shutdown, worker)
        await worker.run()


def _request_shutdown(worker: Worker) -> None:
    shutdown_requested.set()
    worker.stop()
