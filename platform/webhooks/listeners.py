"""Who listens to events, found by one query before anything is written: most tenants have no webhook.

API clients that read events (`GET /events`) also listen. Their tokens belong to an app above this one, which declares
a query for them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, CharField, QuerySet, Value

from core.registry import Registry
from webhooks.models import WebhookEndpoint

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
