"""The worker: a process that runs the queued jobs, as many at once as it has threads.

Procrastinate fetches jobs and beats its heart on the event loop, over connections of its own; our tasks are ordinary
functions and run in threads, each with its Django connection, which procrastinate's middleware checks before a task
and drops when it is dead. What tasks defer goes through their thread's Django connection, hence into their
transaction: the queue's own connector is given to a second `App`, and never replaces the first one's.

A database that goes away ends the run of procrastinate's worker, not the process: another run begins as soon as the
database answers, and the jobs of the lost run are rescued as those of any dead worker. After a while it gives up, and
the process ends with an error for whoever watches over it.
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

from jobs.housekeeping import stalled_after
from jobs.memory import collect_seldom
from jobs.stop import stopping
from jobs.upkeep import keep_up

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

#: Between two attempts to come back after the database went away.
_PAUSE = 2.0
#: A run that lasted this long was a good one: the next failure is a new one.
_GOOD_RUN = 60.0


class GaveUp(Exception):
    """The database did not come back in time."""


def run(*, concurrency: int, queues: Sequence[str] | None, until_idle: bool, give_up_after: float) -> None:
    """Run jobs until SIGTERM or SIGINT; with `until_idle`, until none is left that is due.

    Asked to stop, it takes no more jobs and waits for those it has: long ones look at `jobs.stop.stopping`. Raises
    `GaveUp` when the database has been away for `give_up_after` seconds.
    """
    stopping.clear()
    collect_seldom()
    upkeep_ends = threading.Event()
    upkeep = threading.Thread(target=keep_up, args=(upkeep_ends,), name="upkeep", daemon=True)
    upkeep.start()
    try:
        asyncio.run(_run(concurrency, queues, until_idle=until_idle, give_up_after=give_up_after))
    finally:
        upkeep_ends.set()
        upkeep.join(timeout=30)


async def _run(concurrency: int, queues: Sequence[str] | None, *, until_idle: bool, give_up_after: float) -> None:
    # The default has too few threads for many jobs on a small machine.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(concurrency + 2, thread_name_prefix="job"))
    away_since: float | None = None
    while not stopping.is_set():
        began = time.monotonic()
        try:
            await _one_run(concurrency, queues, until_idle=until_idle)
            failure: Exception | None = None
        except Exception as error:  # noqa: BLE001 - whatever ended the run, another one may go better
            failure = error
        if stopping.is_set() or (until_idle and failure is None):
            return
        ended = time.monotonic()
        if ended - began > _GOOD_RUN:
            away_since = ended
        elif away_since is None:
            away_since = began
        if ended - away_since > give_up_after:
            raise GaveUp(f"The database has been away for {ended - away_since:.0f} s.") from failure
        logger.error("The worker lost its database (%s); it tries again in %s s", failure, _PAUSE)
        await asyncio.sleep(_PAUSE)


async def _one_run(concurrency: int, queues: Sequence[str] | None, *, until_idle: bool) -> None:
    # A pool would wait half a minute for a server that answers no at once.
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
            stalled_worker_timeout=stalled_after(),
            # Procrastinate's care for Django's connections.
            task_middleware=app.worker_defaults["task_middleware"],
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, worker)
        await worker.run()


def _stop(worker: Worker) -> None:
    stopping.set()
    worker.stop()
