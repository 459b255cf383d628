"""Emits events: in the causing transaction, and only if somebody listens.

For any number of events: one query for the listeners, one COPY each for events and deliveries, one job, one row of due
work.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django_tenants.utils import get_public_schema_name

from core.copy_rows import copy_rows, reserve_ids
from core.tenant_connection import connection
from jobs import due
from jobs.tasks import defer
from webhooks import leases
from webhooks.event_types import list_event_types
from webhooks.listeners import Listeners, get_listeners
from webhooks.models import Delivery, DeliveryState, WebhookEvent

DRAIN, PRUNE = "webhooks.drain", "webhooks.prune"
#: How long a delivery is retried.
RETRY_PERIOD = datetime.timedelta(days=3)
#: Retention of events, deliveries and attempts.
RETENTION = datetime.timedelta(days=30)

_EVENTS = {
    "id": "int8",
    "public_id": "varchar",
    "type": "varchar",
    "subject": "varchar",
    "at": "timestamptz",
    "data": "jsonb",
}
_DELIVERIES = {
    "endpoint_id": "int8",
    "event_id": "int8",
    "subject": "varchar",
    "state": "varchar",
    "attempts": "int2",
    "next_at": "timestamptz",
    "gives_up_at": "timestamptz",
    "reason": "varchar",
}


class NewEvent(NamedTuple):
    """An event to emit. `subject`: « allocation:12 »; the events of one subject are delivered in order.

    `data`: counts and states; never a key, a token, or a teacher's or pupil's name.
    """

    type: str
    subject: str
    data: Mapping[str, Any]


def emit(*, events: Iterable[NewEvent], at: datetime.datetime, emitted_at: datetime.datetime | None = None) -> int:
    """Write the events that somebody in the current tenant listens to; return how many were written.

    Without listeners, `events` is not iterated. Nothing is written in the public schema. `emitted_at`: when the event
    is emitted, if later than when it happened.
    """
    if connection.schema_name == get_public_schema_name():
        return 0
    who = get_listeners(emitted_at or at)
    return len(write_events(events=events, to=who, at=at, emitted_at=emitted_at)) if who else 0


@transaction.atomic(savepoint=False)
def write_events(
    *, events: Iterable[NewEvent], to: Listeners, at: datetime.datetime, emitted_at: datetime.datetime | None = None
) -> list[int]:
    """Write the events of these listeners and queue a job that sends them; return the event ids."""
    endpoints_by_type = {kind: to.of(kind) for kind, _ in list_event_types()}
    listened_events = [event for event in events if to.has_readers or endpoints_by_type[event.type]]
    if not listened_events:
        return []
    numbers = reserve_ids(_table(WebhookEvent), len(listened_events))
    copy_rows(
        _table(WebhookEvent),
        _EVENTS,
        [
            (number, f"evt_{secrets.token_hex(14)}", kind, subject, at, data)
            for number, (kind, subject, data) in zip(numbers, listened_events, strict=True)
        ],
    )
    sent_at = emitted_at or at
    deliveries = [
        (endpoint, number, subject, DeliveryState.PENDING.value, 0, sent_at, sent_at + RETRY_PERIOD, "")
        for number, (kind, subject, _) in zip(numbers, listened_events, strict=True)
        for endpoint in endpoints_by_type[kind]
    ]
    if deliveries:
        copy_rows(_table(Delivery), _DELIVERIES, deliveries)
        queue_drain()
        schedule_giving_up(sent_at)
    else:
        due.schedule(PRUNE, connection.schema_name, at + RETENTION)
    return numbers


def queue_drain() -> None:
    """Queue a drain of the office in the current transaction.

    Even if one is already waiting: that job may start and read before this transaction commits.
    """
    defer(DRAIN, schema=connection.schema_name)


def schedule_giving_up(at: datetime.datetime) -> None:
    """Have the office's deliveries of a moment given up where nobody has tried them by the end of their time."""
    due.schedule(PRUNE, connection.schema_name, at + RETRY_PERIOD + leases.LAST_TRY)


def _table(model: type[WebhookEvent | Delivery]) -> str:
    return connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001 - Django's documented way to the name
