"""Who is sending a delivery, and what became of it.

A claim takes the first pending delivery of each subject, so that events about one thing arrive in order, and commits
before anything is sent. It is a lease: what a killed worker held is due again when its lease ends, and may then arrive
a second time, under the same `webhook-id`. Outcomes are written under the lease's name: who slept through it writes
none.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat, Trim

from webhooks import answers
from webhooks.models import Attempt, Delivery, DeliveryState, Endpoint, Off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webhooks.answers import Outcome

#: In seconds, after the first, second, … attempt; from then on always the last.
_WAITS = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
#: In seconds, for which a whole endpoint rests after so many rounds without a success; the first costs nothing.
_RESTS = (0, 30, 120, 300, 900)
#: After the three days, for the last try; what nobody came to try by then is given up untried.
_LAST_TRY = datetime.timedelta(hours=1)


def lease() -> datetime.timedelta:
    """Return how long a claim holds: well over the deadline of a try."""
    return datetime.timedelta(seconds=settings.WEBHOOKS_LEASE)


def wait(attempts: int) -> datetime.timedelta:
    """Return how long a delivery waits after that many attempts."""
    return datetime.timedelta(seconds=_WAITS[min(attempts, len(_WAITS)) - 1])


def rest(failures: int) -> datetime.timedelta:
    """Return how long an endpoint is left alone after that many rounds without a success."""
    return datetime.timedelta(seconds=_RESTS[min(failures, len(_RESTS)) - 1])


@transaction.atomic
def claim(*, endpoint_id: int, limit: int, at: datetime.datetime) -> list[Delivery]:
    """Take up to `limit` deliveries that are due, at most one a subject, the longest due first."""
    due = Delivery.objects.heads().filter(endpoint_id=endpoint_id, next_at__lte=at).order_by("next_at", "pk")
    claimed = list(due.select_related("event").select_for_update(of=("self",), skip_locked=True, no_key=True)[:limit])
    until = at + lease()
    for delivery in claimed:
        delivery.lease_until = until
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in claimed]).update(lease_until=until, next_at=until)
    return claimed


@transaction.atomic
def conclude(
    *, endpoint_id: int, claimed: Sequence[Delivery], outcomes: Sequence[Outcome], at: datetime.datetime
) -> int:
    """Write what became of a claim, and what that says of the endpoint; return how many were delivered."""
    # First, as whoever deletes an endpoint locks it: then its deliveries.
    endpoint = Endpoint.objects.locked().get(pk=endpoint_id)
    ours = Delivery.objects.pending().filter(
        pk__in=[delivery.pk for delivery in claimed], lease_until=claimed[0].lease_until
    )
    held = set(ours.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk", flat=True))
    kept = [(delivery, outcome) for delivery, outcome in zip(claimed, outcomes, strict=True) if delivery.pk in held]
    Attempt.objects.bulk_create(
        Attempt(
            delivery=delivery,
            at=at,
            duration=outcome.duration,
            status=outcome.status,
            reason=outcome.reason,
            answer=outcome.answer,
        )
        for delivery, outcome in kept
    )
    for delivery, outcome in kept:
        _settle(delivery, outcome, at)
    Delivery.objects.bulk_update(
        [delivery for delivery, _ in kept], ["state", "attempts", "next_at", "lease_until", "settled_at", "reason"]
    )
    _note(endpoint, outcomes, at)
    return sum(outcome.is_delivered for _, outcome in kept)


def _settle(delivery: Delivery, outcome: Outcome, at: datetime.datetime) -> None:
    delivery.attempts += 1
    delivery.lease_until, delivery.reason = None, outcome.reason
    if outcome.is_delivered:
        delivery.state, delivery.settled_at = DeliveryState.DELIVERED, at
    elif at >= delivery.gives_up_at:
        delivery.state, delivery.settled_at = DeliveryState.FAILED, at
        delivery.reason = f"{answers.GAVE_UP} {outcome.reason}"
    else:
        # Never later than the end of its days, when it is tried for the last time.
        delivery.next_at = min(at + wait(delivery.attempts), delivery.gives_up_at)


def _note(endpoint: Endpoint, outcomes: Sequence[Outcome], at: datetime.datetime) -> None:
    """Write what a round says of the endpoint itself, which is locked."""
    if any(outcome.status == answers.GONE for outcome in outcomes):
        if endpoint.is_enabled:
            endpoint.is_enabled, endpoint.off_because = False, Off.GONE
    elif any(outcome.is_delivered for outcome in outcomes):
        if endpoint.failing_since is None:
            return
        endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None
    else:
        # The column holds no more; nothing depends on counting beyond.
        endpoint.failures = min(endpoint.failures + 1, 32_000)
        endpoint.failing_since = endpoint.failing_since or at
        pause = rest(endpoint.failures)
        endpoint.paused_until = at + pause if pause else None
    endpoint.save(update_fields=["is_enabled", "off_because", "failures", "failing_since", "paused_until"])


def give_up(*, at: datetime.datetime, endpoint_id: int | None = None) -> int:
    """Give up what could not even be tried for the last time, its endpoint resting or being off; return how many."""
    over = Delivery.objects.overdue_at(at, since=_LAST_TRY)
    if endpoint_id is not None:
        over = over.filter(endpoint_id=endpoint_id)
    why = Trim(Concat(Value(f"{answers.GAVE_UP} "), "reason"))
    return over.update(state=DeliveryState.FAILED, settled_at=at, lease_until=None, reason=why)
