"""The net under the deliveries, and what forgets them.

A drain plans its successor, so on ordinary days nothing is found. What a job left that was deleted, that failed for
good, or that was queued in a database restored from a copy, is found within minutes.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context
from psycopg import sql

from webhooks import claims, drain
from webhooks.models import Delivery, Endpoint, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

#: An ordinary drain has taken what is due well within this.
OVERDUE = datetime.timedelta(minutes=2)
#: How long events, deliveries and attempts are kept.
KEPT = datetime.timedelta(days=30)
_ENDPOINTS = Endpoint._meta.db_table  # noqa: SLF001 - documented
_DELIVERIES = Delivery._meta.db_table  # noqa: SLF001 - documented
#: Schemas asked in one statement: it locks tables and their indexes for each.
_SCHEMAS_AT_ONCE = 100
#: One statement holds its locks for no longer than this many rows take.
_FORGOTTEN_AT_ONCE = 5_000


def sweep(*, at: datetime.datetime | None = None) -> list[tuple[str, int]]:
    """Queue a drain for each endpoint for which something is overdue; return their schemas and numbers."""
    found = list(_overdue(before=(at or timezone.now()) - OVERDUE))
    for schema, endpoint_id in found:
        with schema_context(schema):
            drain.queue(endpoint_id=endpoint_id)
    return found


def _schemas() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = %s AND c.relkind = 'r' ORDER BY 1",
            [_ENDPOINTS],
        )
        return [name for (name,) in cursor.fetchall()]


def _overdue(*, before: datetime.datetime) -> Iterator[tuple[str, int]]:
    schemas = _schemas()
    for start in range(0, len(schemas), _SCHEMAS_AT_ONCE):
        questions = [
            sql.SQL(
                "SELECT {name}, endpoint.id FROM {endpoints} AS endpoint WHERE endpoint.is_enabled"
                " AND (endpoint.paused_until IS NULL OR endpoint.paused_until <= {before})"
                " AND EXISTS (SELECT FROM {deliveries} AS due WHERE due.endpoint_id = endpoint.id"
                " AND due.state = 'pending' AND due.next_at <= {before} AND NOT EXISTS ("
                "SELECT FROM {deliveries} AS first WHERE first.endpoint_id = due.endpoint_id"
                " AND first.subject = due.subject AND first.state = 'pending' AND first.id < due.id))"
            ).format(
                name=sql.Literal(schema),
                endpoints=sql.Identifier(schema, _ENDPOINTS),
                deliveries=sql.Identifier(schema, _DELIVERIES),
                before=sql.Literal(before),
            )
            for schema in schemas[start : start + _SCHEMAS_AT_ONCE]
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(" UNION ALL ").join(questions))
            yield from cursor.fetchall()


def forget(*, at: datetime.datetime | None = None) -> int:
    """Forget, in every collectivity, what is older than thirty days; return how many events that was.

    Deliveries and their attempts go with their event, deleted endpoints with the last of their deliveries.
    """
    now = at or timezone.now()
    return sum(_forget(schema, now) for schema in _schemas())


def _forget(schema: str, now: datetime.datetime) -> int:
    forgotten = 0
    with schema_context(schema):
        claims.give_up(at=now)
        old = Event.objects.filter(at__lt=now - KEPT).order_by("at").values_list("pk", flat=True)
        while numbers := list(old[:_FORGOTTEN_AT_ONCE]):
            forgotten += Event.objects.filter(pk__in=numbers).delete()[0]
        Endpoint.objects.filter(deleted_at__lt=now - KEPT, deliveries__isnull=True).delete()
    return forgotten
