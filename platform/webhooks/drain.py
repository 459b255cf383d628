"""Sends an office's due deliveries: for each endpoint claim, commit, send concurrently, record the results, repeat.

One drain per office at a time, by a session-level advisory lock: however many receivers of an office are slow or hang,
they take one thread of one worker. A job that finds the lock taken ends at once: its deliveries were committed before
it started, and the drain that holds the lock looks for more **after** releasing it. (With a lock of the queue itself,
the jobs of thousands of commits would wait for one another, and a job scheduled for later would block those that are
due.)

The endpoints are served side by side, each in rounds of its own: none waits for another. A drain has a time budget,
after which it requeues itself behind those of other offices. A failing endpoint gets one delivery at a time and is then
paused; one that hangs is paused at once.
"""

import contextlib
import datetime
import functools
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from core.advisory_locks import try_session_lock
from core.connections import DatabaseClock, connection, retry_on_lost_database
from core.sealing import UnsealError
from installation.hold import refuse_while_held
from jobs.periodic_tasks import shutdown_requested
from jobs.tasks import defer_once, round_up_to_second
from webhooks import endpoints, leases, url_policy
from webhooks.http_client import MAX_CONCURRENT_REQUESTS, WebhookRequest, WebhookSender
from webhooks.leases import AttemptResult
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.operations import DRAIN

logger = logging.getLogger(__name__)

type Clock = Callable[[], datetime.datetime]


#: Time budget of a drain in seconds.
TIME_BUDGET = 20.0
#: Seconds after which a drain that waits for receivers looks for new deliveries to the others.
_LOOK_INTERVAL = 1.0


def drain(*, budget: float = TIME_BUDGET, clock: Clock | None = None) -> int | None:
    """Send the due deliveries of the current schema; return how many were delivered, None if another drain runs.

    `clock`: the database's by default, so that a worker whose own is wrong respects the leases of others. Raises
    `InstallationHeld`.
    """
    refuse_while_held()
    clock = clock or DatabaseClock()
    with try_session_lock(f"webhooks/{connection.schema_name}") as acquired:
        if not acquired:
            return None
        leases.fail_overdue(at=clock())
        with contextlib.ExitStack() as stack:
            delivered = _OfficeDrain(stack, until=time.monotonic() + budget, clock=clock).run()
    schedule_next(at=clock())
    return delivered


class _Round(NamedTuple):
    """The deliveries of one endpoint that are being sent."""

    endpoint_id: int
    claimed: Sequence[Delivery]


class _OfficeDrain:
    """A drain at work: at most one round for each endpoint."""

    def __init__(self, stack: contextlib.ExitStack, *, until: float, clock: Clock) -> None:
        self._stack, self._until, self._clock = stack, until, clock
        self._sender: WebhookSender | None = None
        self._rounds: dict[Future[list[AttemptResult]], _Round] = {}

    def run(self) -> int:
        """Send until nothing is due, the time is over or the database lost; return how many were delivered.

        What is on its way then is waited for and recorded: it would be sent a second time.
        """
        delivered = 0
        session, looked_at = connection.connection, float("-inf")
        again: list[int] = []
        while True:
            # The office's lock goes with the session: another drain may run.
            if connection.connection is session:
                try:
                    if time.monotonic() - looked_at >= _LOOK_INTERVAL:
                        looked_at = time.monotonic()
                        busy = [one.endpoint_id for one in self._rounds.values()]
                        others = WebhookEndpoint.objects.listening().exclude(pk__in=busy).order_by("pk")
                        again = list(others.values_list("pk", flat=True))
                    self._start_rounds(again)
                except (OperationalError, InterfaceError):
                    logger.warning("The database was lost: what is on its way is recorded, nothing else is sent")
                    connection.close()
            if not self._rounds:
                return delivered
            done, _ = wait(self._rounds, timeout=_LOOK_INTERVAL, return_when=FIRST_COMPLETED)
            ended = {self._rounds.pop(future): future.result() for future in done}
            for sent, outcomes in ended.items():
                delivered += retry_on_lost_database(functools.partial(self._record, sent, outcomes))
            again = [one.endpoint_id for one in ended]

    def _record(self, sent: _Round, outcomes: Sequence[AttemptResult]) -> int:
        return leases.record_results(
            endpoint_id=sent.endpoint_id, claimed=sent.claimed, outcomes=outcomes, at=self._clock()
        )

    def _start_rounds(self, endpoint_ids: Iterable[int]) -> None:
        """Start a round for each of these endpoints that has something due and is not paused."""
        for endpoint_id in endpoint_ids:
            if time.monotonic() >= self._until or shutdown_requested.is_set():
                return
            at = self._clock()
            endpoint = WebhookEndpoint.objects.listening().filter(pk=endpoint_id).first()
            if endpoint is None or (endpoint.paused_until is not None and endpoint.paused_until > at):
                continue
            limit = 1 if endpoint.failing_since else MAX_CONCURRENT_REQUESTS
            if claimed := leases.claim(endpoint_id=endpoint_id, limit=limit, at=at):
                self._rounds[self._send(endpoint, claimed, at)] = _Round(endpoint_id, tuple(claimed))

    def _send(
        self, endpoint: WebhookEndpoint, claimed: Sequence[Delivery], at: datetime.datetime
    ) -> Future[list[AttemptResult]]:
        if not url_policy.is_scheme_allowed(endpoint.url):
            return _fail(claimed, leases.HTTP_NOT_ALLOWED)
        try:
            secrets = endpoints.get_secrets(endpoint, at)
        except UnsealError:
            return _fail(claimed, leases.UNSEAL_FAILED)
        requests = []
        for delivery in claimed:
            body = endpoints.build_body(delivery.event)
            headers = endpoints.build_headers(delivery.event.public_id, body, secrets, at)
            requests.append(WebhookRequest(endpoint.url, headers, body))
        self._sender = self._sender or self._stack.enter_context(WebhookSender())
        return self._sender.submit(requests)


def _fail(claimed: Sequence[Delivery], reason: str) -> Future[list[AttemptResult]]:
    """Return the result of a round of which nothing was sent."""
    known: Future[list[AttemptResult]] = Future()
    known.set_result([AttemptResult(None, reason, "", 0)] * len(claimed))
    return known


def schedule_next(*, at: datetime.datetime) -> None:
    """Queue the office's next drain for its next due delivery; do nothing without one."""
    moments = []
    for endpoint_id, paused_until in WebhookEndpoint.objects.listening().values_list("pk", "paused_until"):
        # One query each, which the index answers with one row; together they would read everything that waits.
        first_deliveries = Delivery.objects.first_per_subject().filter(endpoint_id=endpoint_id)
        due = first_deliveries.order_by("next_at", "pk").values_list("next_at", flat=True).first()
        if due is not None:
            moments.append(max(due, paused_until or due))
    if not moments:
        return
    moment = min(moments)
    schedule(at=round_up_to_second(moment) if moment > at else None)


def schedule(*, at: datetime.datetime | None = None) -> None:
    """Queue a drain of the office at `at`, or at once, unless the same job is already waiting."""
    schema = connection.schema_name
    once = f"{DRAIN}:{schema}:{'' if at is None else at.astimezone(datetime.UTC).isoformat()}"
    defer_once(DRAIN, schema=schema, queueing_lock=once, at=at)
