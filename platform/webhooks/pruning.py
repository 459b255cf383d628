"""Deletes old events, and gives up deliveries that nobody tries any more: due work of an office that has had events."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Min, QuerySet

from core.tenant_connection import connection
from jobs import due
from webhooks import leases
from webhooks.models import Delivery, WebhookEndpoint, WebhookEvent
from webhooks.operations import PRUNE, RETENTION

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
