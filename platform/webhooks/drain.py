"""Telling one endpoint what is due: claim, commit, send several at once, write down what became of them, and again.

One drain an endpoint at a time, by an advisory lock that ends with its connection. A job that finds the lock taken
ends at once: what it was queued for was committed before it began, and the drain that holds the lock looks for more
**after** giving it back. (A lock of the queue's own would have the jobs of thousands of commits wait for one another,
and one that is planned for later hold up those that are due.)

A drain has little time: one whose receiver is slow queues itself again behind the others. An endpoint that fails is
asked one thing at a time, then left alone for a while, so that what waits for it costs nobody anything.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import time
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone

from jobs.stop import stopping
from jobs.tasks import defer_once
from web.sealing import Unsealable
from webhooks import addresses, answers, claims, signing
from webhooks.answers import Outcome
from webhooks.models import Delivery, Endpoint
from webhooks.operations import DRAIN
from webhooks.sending import AT_ONCE, Outgoing, Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Seconds after which a drain lets others go first.
BUDGET = 20.0


def drain(
    *, endpoint_id: int, budget: float = BUDGET, clock: Callable[[], datetime.datetime] = timezone.now
) -> int | None:
    """Tell an endpoint of this schema what is due; return how much was delivered, None where another drain is at it."""
    with _alone(endpoint_id) as is_alone:
        if not is_alone:
            return None
        claims.give_up(at=clock(), endpoint_id=endpoint_id)
        delivered = _drain(endpoint_id, time.monotonic() + budget, clock)
    plan_next(endpoint_id=endpoint_id, at=clock())
    return delivered


def _drain(endpoint_id: int, until: float, clock: Callable[[], datetime.datetime]) -> int:
    delivered = 0
    with contextlib.ExitStack() as stack:
        sender: Sender | None = None
        while time.monotonic() < until and not stopping.is_set():
            at = clock()
            endpoint = Endpoint.objects.listening().filter(pk=endpoint_id).first()
            if endpoint is None or (endpoint.paused_until is not None and endpoint.paused_until > at):
                break
            claimed = claims.claim(endpoint_id=endpoint_id, limit=1 if endpoint.failing_since else AT_ONCE, at=at)
            if not claimed:
                break
            sender = sender or stack.enter_context(Sender())
            outcomes = _send(endpoint, claimed, sender, at)
            delivered += claims.conclude(endpoint_id=endpoint_id, claimed=claimed, outcomes=outcomes, at=clock())
    return delivered


def _send(endpoint: Endpoint, claimed: Sequence[Delivery], sender: Sender, at: datetime.datetime) -> list[Outcome]:
    if not addresses.is_scheme_allowed(endpoint.url):
        return [Outcome(None, answers.PLAIN, "", 0)] * len(claimed)
    try:
        secrets = signing.secrets_of(endpoint, at)
    except Unsealable:
        return [Outcome(None, answers.UNSIGNED, "", 0)] * len(claimed)
    requests = []
    for delivery in claimed:
        body = signing.body_of(delivery.event)
        headers = signing.headers_of(delivery.event.public_id, body, secrets, at)
        requests.append(Outgoing(endpoint.url, headers, body))
    return sender.send(requests)


def plan_next(*, endpoint_id: int, at: datetime.datetime) -> None:
    """Queue the endpoint's next drain for when something will be due; nothing where nothing is, or it is off."""
    endpoint = Endpoint.objects.listening().filter(pk=endpoint_id).first()
    if endpoint is None:
        return
    heads = Delivery.objects.heads().filter(endpoint_id=endpoint_id).order_by("next_at", "pk")
    due = heads.values_list("next_at", flat=True).first()
    if due is None:
        return
    moment = max(due, endpoint.paused_until or due)
    # The next whole second: one waiting job for it, however many drains end meanwhile, and none that comes too early.
    moment = moment.replace(microsecond=0) + datetime.timedelta(seconds=1 if moment.microsecond else 0)
    queue(endpoint_id=endpoint_id, at=moment if moment > at else None)


def queue(*, endpoint_id: int, at: datetime.datetime | None = None) -> None:
    """Queue a drain for that moment, or at once, unless one is waiting already."""
    schema = connection.schema_name  # type: ignore[attr-defined]
    once = f"{DRAIN}:{schema}:{endpoint_id}:{'' if at is None else at.astimezone(datetime.UTC).isoformat()}"
    defer_once(DRAIN, schema=schema, once=once, at=at, endpoint_id=endpoint_id)


@contextlib.contextmanager
def _alone(endpoint_id: int) -> Iterator[bool]:
    """Hold the endpoint's lock during the block, on this connection; yield whether it was free."""
    name = f"webhooks/{connection.schema_name}/{endpoint_id}"  # type: ignore[attr-defined]
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        [is_free] = cursor.fetchone()
    try:
        yield is_free
    finally:
        if is_free:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
