"""Emits events: in the causing transaction, and only if somebody listens.

For any number of events: one query for the listeners, one COPY each for events and deliveries, one job, one row of due
work.
"""

import datetime
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import transaction
from django.db.models import BigIntegerField, CharField, Min, QuerySet, Value
from django_tenants.utils import get_public_schema_name

from core.connections import connection
from core.copy_rows import copy_rows, reserve_ids
from core.registry import Registry
from jobs import due
from jobs.tasks import defer
from webhooks import leases
from webhooks.event_types import list_event_types
from webhooks.models import Delivery, DeliveryState, WebhookEndpoint, WebhookEvent

# Who listens to events, found by one query before anything is written: most tenants have no webhook.
#
# API clients that read events (`GET /events`) also listen. Their tokens belong to an app above this one, which declares
# a query for them.

#: Returns the rows (of any model) that may read events at that time.
Readers = Callable[[datetime.datetime], QuerySet[Any]]


#: By app, the query of who reads events: none is written without an endpoint or a reader.
readers: Registry[Readers] = Registry("query of readers of events")
_READER_ID = 0


class Listeners(NamedTuple):
    """Endpoint ids with their event types (empty: all), and whether API clients read events."""

    endpoints: dict[int, frozenset[str]]
    has_readers: bool

    def __bool__(self) -> bool:
        return bool(self.endpoints) or self.has_readers

    def of(self, kind: str) -> list[int]:
        """Return the ids of the endpoints subscribed to an event type."""
        return [number for number, types in self.endpoints.items() if not types or kind in types]


def get_listeners(at: datetime.datetime) -> Listeners:
    """Return who listens in the current tenant. One query."""
    reader_columns = (
        Value(_READER_ID, output_field=BigIntegerField()),
        Value([], output_field=ArrayField(CharField(max_length=30))),
    )
    endpoint_rows = WebhookEndpoint.objects.listening().order_by().values_list("pk", "types")
    rows = list(
        endpoint_rows.union(
            *(query(at).order_by().values_list(*reader_columns)[:1] for query in readers.values()), all=True
        )
    )
    endpoints = {number: frozenset(types) for number, types in sorted(rows) if number != _READER_ID}
    return Listeners(endpoints, len(rows) > len(endpoints))


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


#: Between two looks at one office.
_LOOK_INTERVAL = datetime.timedelta(hours=1)
#: Rows per DELETE, to bound how long its locks are held.
_DELETE_BATCH = 5_000


def prune_events(*, at: datetime.datetime) -> int:
    """Delete the events of the current schema that are older than `RETENTION`; return how many rows.

    Deliveries and attempts are deleted with their event, soft-deleted endpoints after their last delivery. Deliveries
    whose time is over are given up, also where their endpoint is off. Schedules itself for the rest.
    """
    deleted = 0
    leases.fail_overdue(at=at)
    old = WebhookEvent.objects.filter(at__lt=at - RETENTION).order_by("at").values_list("pk", flat=True)
    while ids := list(old[:_DELETE_BATCH]):
        deleted += WebhookEvent.objects.filter(pk__in=ids).delete()[0]
    _filter_deleted_endpoints().filter(deleted_at__lt=at - RETENTION).delete()
    _schedule_next(at)
    return deleted


@transaction.atomic
def _schedule_next(at: datetime.datetime) -> None:
    # Whoever writes an event after this relies on the row that stands, or adds one.
    oldest = WebhookEvent.objects.aggregate(at=Min("at"))["at"]
    removed = _filter_deleted_endpoints().aggregate(at=Min("deleted_at"))["at"]
    overdue = Delivery.objects.pending().aggregate(at=Min("gives_up_at"))["at"]
    moments = [moment + RETENTION for moment in (oldest, removed) if moment is not None]
    moments += [] if overdue is None else [overdue + leases.LAST_TRY]
    if moments:
        due.schedule(PRUNE, connection.schema_name, max(min(moments), at + _LOOK_INTERVAL))


def _filter_deleted_endpoints() -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(deleted_at__isnull=False, deliveries__isnull=True)
