"""Sends one endpoint's due deliveries: claim, commit, send concurrently, record the results, repeat.

One drain per endpoint at a time, by a session-level advisory lock. A job that finds the lock taken ends at once: its
deliveries were committed before it started, and the drain that holds the lock looks for more **after** releasing it.
(With a lock of the queue itself, the jobs of thousands of commits would wait for one another, and a job scheduled for
later would block those that are due.)

A drain has a time budget; one with a slow receiver requeues itself behind the others. A failing endpoint gets one
delivery at a time and is then paused, so that its backlog does not delay other endpoints.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from typing import TYPE_CHECKING

from django.utils import timezone

from core.advisory_locks import try_session_lock
from core.sealing import UnsealError
from core.tenant_connection import connection
from jobs.process import shutdown_requested
from jobs.tasks import defer_once
from webhooks import attempt_results, leases, signing, url_policy
from webhooks.attempt_results import AttemptResult
from webhooks.http_client import MAX_CONCURRENT_REQUESTS, WebhookRequest, WebhookSender
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.operations import DRAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Time budget of a drain in seconds.
TIME_BUDGET = 20.0


def drain(
    *, endpoint_id: int, budget: float = TIME_BUDGET, clock: Callable[[], datetime.datetime] = timezone.now
) -> int | None:
    """Send the due deliveries of an endpoint; return how many were delivered, None if another drain runs."""
    schema = connection.schema_name
    with try_session_lock(f"webhooks/{schema}/{endpoint_id}") as acquired:
        if not acquired:
            return None
        leases.fail_overdue(at=clock(), endpoint_id=endpoint_id)
        delivered = _drain_until(endpoint_id, time.monotonic() + budget, clock)
    schedule_next(endpoint_id=endpoint_id, at=clock())
    return delivered


def _drain_until(endpoint_id: int, until: float, clock: Callable[[], datetime.datetime]) -> int:
    delivered = 0
    with contextlib.ExitStack() as stack:
        sender: WebhookSender | None = None
        while time.monotonic() < until and not shutdown_requested.is_set():
            at = clock()
            endpoint = WebhookEndpoint.objects.listening().filter(pk=endpoint_id).first()
            if endpoint is None or (endpoint.paused_until is not None and endpoint.paused_until > at):
                break
            claimed = leases.claim(
                endpoint_id=endpoint_id, limit=1 if endpoint.failing_since else MAX_CONCURRENT_REQUESTS, at=at
            )
            if not claimed:
                break
            sender = sender or stack.enter_context(WebhookSender())
            outcomes = _send(endpoint, claimed, sender, at)
            delivered += leases.record_results(endpoint_id=endpoint_id, claimed=claimed, outcomes=outcomes, at=clock())
    return delivered


def _send(
    endpoint: WebhookEndpoint, claimed: Sequence[Delivery], sender: WebhookSender, at: datetime.datetime
) -> list[AttemptResult]:
    if not url_policy.is_scheme_allowed(endpoint.url):
        return [AttemptResult(None, attempt_results.HTTP_NOT_ALLOWED, "", 0)] * len(claimed)
    try:
        secrets = signing.get_secrets(endpoint, at)
    except UnsealError:
        return [AttemptResult(None, attempt_results.UNSEAL_FAILED, "", 0)] * len(claimed)
    requests = []
    for delivery in claimed:
        body = signing.build_body(delivery.event)
        headers = signing.build_headers(delivery.event.public_id, body, secrets, at)
        requests.append(WebhookRequest(endpoint.url, headers, body))
    return sender.send(requests)


def schedule_next(*, endpoint_id: int, at: datetime.datetime) -> None:
    """Queue the endpoint's next drain for its next due delivery; do nothing without one, or if it is disabled."""
    endpoint = WebhookEndpoint.objects.listening().filter(pk=endpoint_id).first()
    if endpoint is None:
        return
    first_deliveries = Delivery.objects.first_per_subject().filter(endpoint_id=endpoint_id).order_by("next_at", "pk")
    due = first_deliveries.values_list("next_at", flat=True).first()
    if due is None:
        return
    moment = max(due, endpoint.paused_until or due)
    # Rounded up to a second: one waiting job however many drains end in it, and none that runs too early.
    moment = moment.replace(microsecond=0) + datetime.timedelta(seconds=1 if moment.microsecond else 0)
    schedule(endpoint_id=endpoint_id, at=moment if moment > at else None)


def schedule(*, endpoint_id: int, at: datetime.datetime | None = None) -> None:
    """Queue a drain at `at`, or at once, unless the same job is already waiting."""
    schema = connection.schema_name
    once = f"{DRAIN}:{schema}:{endpoint_id}:{'' if at is None else at.astimezone(datetime.UTC).isoformat()}"
    defer_once(DRAIN, schema=schema, queueing_lock=once, at=at, endpoint_id=endpoint_id)
