"""Periodic tasks: requeue overdue deliveries, delete old events.

A drain schedules the next one, so normally nothing is overdue. This finds the deliveries whose job was deleted, failed
for good, or was lost in a database restore.
"""

from __future__ import annotations

import datetime

from django.utils import timezone
from django_tenants.utils import schema_context
from psycopg import sql

from core.database_clock import DatabaseClock
from core.schemas import list_schemas_with, query_schemas_with
from jobs.queries import list_waiting_schemas
from webhooks import drain, leases
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.operations import DRAIN

#: A working drain claims due deliveries well within this.
OVERDUE = datetime.timedelta(minutes=2)
#: Retention of events, deliveries and attempts.
RETENTION = datetime.timedelta(days=30)
_ENDPOINTS = WebhookEndpoint._meta.db_table  # noqa: SLF001 - documented
_OVERDUE = sql.SQL(
    "SELECT {name} WHERE EXISTS (SELECT FROM {schema}.webhooks_webhookendpoint AS endpoint WHERE endpoint.is_enabled"
    " AND (endpoint.paused_until IS NULL OR endpoint.paused_until <= {before})"
    " AND EXISTS (SELECT FROM {schema}.webhooks_delivery AS due WHERE due.endpoint_id = endpoint.id"
    " AND due.state = 'pending' AND due.next_at <= {before} AND NOT EXISTS ("
    "SELECT FROM {schema}.webhooks_delivery AS first WHERE first.endpoint_id = due.endpoint_id"
    " AND first.subject = due.subject AND first.state = 'pending' AND first.id < due.id)))"
)
#: Rows per DELETE, to bound how long its locks are held.
_DELETE_BATCH = 5_000


def sweep(*, at: datetime.datetime | None = None) -> list[str]:
    """Queue a drain for each office with an overdue delivery that none waits to send; return their schemas."""
    before = (at or DatabaseClock()()) - OVERDUE
    overdue = {schema for (schema,) in query_schemas_with(_ENDPOINTS, _OVERDUE, before=before)}
    lost = sorted(overdue - list_waiting_schemas(DRAIN)) if overdue else []
    for schema in lost:
        with schema_context(schema):
            drain.schedule()
    return lost


def prune_events(*, at: datetime.datetime | None = None) -> int:
    """Delete events older than `RETENTION` in every tenant schema; return how many.

    Deliveries and attempts are deleted with their event, soft-deleted endpoints after their last delivery.
    """
    now = at or timezone.now()
    return sum(_prune(schema, now) for schema in list_schemas_with(_ENDPOINTS))


def _prune(schema: str, now: datetime.datetime) -> int:
    deleted = 0
    with schema_context(schema):
        leases.fail_overdue(at=now)
        old = WebhookEvent.objects.filter(at__lt=now - RETENTION).order_by("at").values_list("pk", flat=True)
        while ids := list(old[:_DELETE_BATCH]):
            deleted += WebhookEvent.objects.filter(pk__in=ids).delete()[0]
        WebhookEndpoint.objects.filter(deleted_at__lt=now - RETENTION, deliveries__isnull=True).delete()
    return deleted
