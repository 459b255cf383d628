"""The worker process: runs queued jobs in threads.

Procrastinate fetches jobs and sends heartbeats on the event loop, over connections of its own; tasks are synchronous
functions and run in threads, each with its Django connection, which procrastinate's middleware checks before a task and
closes when it is broken. Tasks defer jobs through their thread's Django connection, hence in their transaction: the
queue's connector is given to a second `App` and never replaces the first one's.

Each lane (`jobs.tasks`) is a procrastinate worker of its own in the same process, with its own number of threads.

When the database goes away, procrastinate's workers end but not the process: a new run starts as soon as the database
responds, and first queues again the jobs whose end the lost run could not record. After `give_up_after` seconds the
process ends with an error, for its supervisor. Where only the connection breaks over which the end of a job was to be
recorded, procrastinate goes on and leaves the job as running: with each heartbeat, jobs that ended as long ago as a
silent worker is given, and are still said to run, are queued again.

A restored copy takes no job (`installation.hold`): the lanes look again and again whether they may, when they connect
and with each heartbeat.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import psycopg
from django.conf import settings
from django.db import connection
from procrastinate import App, JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker
from prometheus_client.exposition import ThreadingWSGIServer

from core.telemetry import CONTENT_TYPE, log_context, may_read, render_metrics, trace
from installation.hold import HoldCause, find_hold
from jobs.housekeeping import get_stall_timeout, retry_own_jobs
from jobs.periodic_tasks import hold_found, measure_job, raise_gc_threshold, run_periodic_tasks, shutdown_requested
from jobs.tasks import Lane, plan_lanes


class MetricsRequestHandler(WSGIRequestHandler):
    """Logs no requests, and ends one that takes longer than `timeout` seconds."""

    timeout = 10

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing."""


@contextlib.contextmanager
def serve_metrics(host: str, port: int) -> Iterator[None]:
    """Answer at this address until the block ends. Raises `OSError` where it is taken."""
    with make_server(
        host, port, answer_metrics, server_class=ThreadingWSGIServer, handler_class=MetricsRequestHandler
    ) as it:
        thread = threading.Thread(target=it.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            it.shutdown()
            thread.join()


def answer_metrics(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request, whatever its path, with the figures; without the token with 401."""
    if not may_read(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Length", "0")])
        return []
    body = render_metrics()
    start_response("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
    return [body]


logger = logging.getLogger(__name__)

#: Seconds between two attempts to reconnect.
_RECONNECT_DELAY = 2.0
#: Seconds after which a run counts as successful: the next failure starts a new outage.
_STABLE_RUN = 60.0
#: Seconds between two looks whether a restored copy may act.
_HOLD_DELAY = 5.0


class DatabaseUnavailable(Exception):
    """The database stayed unreachable for too long."""


def run(*, concurrency: int, queues: Sequence[str] | None, until_idle: bool, give_up_after: float) -> None:
    """Run jobs until SIGTERM or SIGINT; with `until_idle`, until no job is due.

    `concurrency`: threads for the queues without a lane of their own. `queues`: only these; None means all.
    On a signal, take no more jobs and wait for the running ones: long ones check
    `jobs.periodic_tasks.shutdown_requested`.
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
    lanes = [_LaneRunner(lane) for lane in plan_lanes(concurrency=concurrency, queues=queues)]
    loop = asyncio.get_running_loop()
    # The default executor has too few threads on a machine with few cores.
    threads = sum(runner.lane.threads + 1 for runner in lanes)
    loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="job"))
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, _request_shutdown, lanes)
    started_count = -1
    # A job of one lane may queue others for a lane that is idle already.
    while started_count != (started_count := sum(runner.started_count for runner in lanes)):
        runs = [asyncio.create_task(runner.run(until_idle=until_idle, give_up_after=give_up_after)) for runner in lanes]
        _, pending = await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
        if pending:
            # One has given up.
            _stop(lanes)
            await asyncio.wait(runs)
        for ended in runs:
            ended.result()
        if shutdown_requested.is_set():
            return


def _request_shutdown(lanes: Sequence[_LaneRunner]) -> None:
    shutdown_requested.set()
    _stop(lanes)


def _stop(lanes: Sequence[_LaneRunner]) -> None:
    for runner in lanes:
        runner.stop()


class _LaneRunner:
    """Runs one lane: a procrastinate worker, and the next one where it loses the database."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.started_count = 0
        self._is_stopped = False
        self._held_by: HoldCause | None = None
        self._worker: Worker | None = None
        #: Jobs that are running, with their attempts.
        self._running: dict[int, int] = {}
        #: Those whose end may not have been recorded: their attempts, and when they ended.
        self._ended: dict[int, tuple[int, float]] = {}

    def stop(self) -> None:
        """Take no more jobs; `run` ends after those that are running."""
        self._is_stopped = True
        if self._worker is not None:
            self._worker.stop()

    async def run(self, *, until_idle: bool, give_up_after: float) -> None:
        """Run jobs until stopped, or idle. Raises `DatabaseUnavailable`."""
        unavailable_since: float | None = None
        while not self._is_stopped:
            started = time.monotonic()
            try:
                if await asyncio.to_thread(self._is_held):
                    if until_idle:
                        return
                    await asyncio.sleep(_HOLD_DELAY)
                    continue
                await self._run_until_failure(until_idle=until_idle)
                failure: Exception | None = None
            except Exception as error:  # noqa: BLE001 - any failure ends this run only; the next one may succeed
                failure = error
            if self._is_stopped or (until_idle and failure is None):
                return
            if failure is None:
                # Held meanwhile.
                continue
            ended = time.monotonic()
            if ended - started > _STABLE_RUN:
                unavailable_since = ended
            elif unavailable_since is None:
                unavailable_since = started
            if (away := ended - unavailable_since) > give_up_after:
                raise DatabaseUnavailable(f"The database has been away for {away:.0f} s.") from failure
            logger.error("The worker lost its database (%s); it tries again in %s s", failure, _RECONNECT_DELAY)
            await asyncio.sleep(_RECONNECT_DELAY)

    async def _run_until_failure(self, *, until_idle: bool) -> None:
        # Fail at once if the server is down: the pool would wait 30 s.
        async with await psycopg.AsyncConnection.connect(**connector_params()):
            pass
        await asyncio.to_thread(self._retry_unrecorded, ended_before=math.inf)
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=3, timeout=10.0)
        async with app.with_connector(connector).open_async() as queue:
            self._worker = Worker(
                queue,
                name=self.lane.queues[0],
                queues=list(self.lane.queues),
                concurrency=self.lane.threads,
                wait=not until_idle,
                install_signal_handlers=False,
                update_heartbeat_interval=settings.JOBS_HEARTBEAT,
                stalled_worker_timeout=get_stall_timeout(),
                # The app's checks Django's connections before each task.
                task_middleware=[*app.worker_defaults["task_middleware"], self._note],
            )
            heartbeat = asyncio.create_task(self._beat(queue, self._worker))
            try:
                if not self._is_stopped:
                    logger.info("A worker of %s runs, with %s threads", ", ".join(self.lane.queues), self.lane.threads)
                    await self._worker.run()
            finally:
                self._worker = None
                heartbeat.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await heartbeat

    def _note(self, call_next: Callable[[], Any], context: JobContext, worker: Worker) -> Any:
        """Run a job and remember that it ran. In its thread."""
        job_id, attempts = context.job.id or 0, context.job.attempts
        self.started_count += 1
        self._running[job_id] = attempts
        try:
            task, queue = context.job.task_name, context.job.queue
            numbers = {"peps.job": str(job_id), "peps.task": task, "peps.queue": queue, "peps.attempts": str(attempts)}
            with log_context(job=str(job_id), task=task), measure_job(context), trace(f"job {task}", numbers):
                return call_next()
        finally:
            self._ended[job_id] = attempts, time.monotonic()
            del self._running[job_id]

    def _is_held(self) -> bool:
        """Return whether no job may be taken, and log it where that has changed. In a thread."""
        try:
            cause = find_hold()
        finally:
            connection.close()
        if cause is not self._held_by:
            queues = ", ".join(self.lane.queues)
            if cause is None:
                logger.warning("The hold is lifted: jobs of %s are taken", queues)
            else:
                logger.error("This database may be a copy (%s): no job of %s is taken", cause.name, queues)
            self._held_by = cause
        return cause is not None

    def _retry_unrecorded(self, *, ended_before: float) -> None:
        """Queue again the jobs that ended before a moment, by `time.monotonic`, and still count as running.

        In a thread. With infinity, between two runs, also those whose end nobody waits for any more.
        """
        overdue = {job_id: attempts for job_id, (attempts, at) in self._ended.copy().items() if at < ended_before}
        jobs = overdue | self._running if math.isinf(ended_before) else overdue
        if not jobs:
            return
        try:
            retry_own_jobs(jobs)
        finally:
            connection.close()
        for job_id in overdue:
            # It may have been begun anew, and ended, meanwhile.
            if self._ended[job_id][1] < ended_before:
                del self._ended[job_id]

    async def _beat(self, queue: App, worker: Worker) -> None:
        """Send the worker's heartbeat until it is cancelled, and look after the jobs that ended.

        Procrastinate's own stops as soon as the worker is told to: a job that takes longer than the stall timeout to
        end would be begun again by another worker beside this one.
        """
        while True:
            await asyncio.sleep(settings.JOBS_HEARTBEAT)
            if worker.worker_id is None:
                continue
            try:
                if hold_found.is_set():
                    worker.stop()
                await queue.job_manager.update_heartbeat(worker.worker_id)
                await asyncio.to_thread(self._retry_unrecorded, ended_before=time.monotonic() - get_stall_timeout())
            except Exception:
                logger.exception("The heartbeat of worker %s could not be sent", worker.worker_id)
