"""What each operation on an order does: lock the order, record its event, notify its buyer.

A collectivity reads the events of its own orders in its audit log.
"""

from __future__ import annotations

import datetime

from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit_log
from licensing.orders.models import Order, OrderEvent


def record(order: Order, action: str, summary: str, *, by: User | None, at: datetime.datetime) -> OrderEvent:
    """Append an event to the order, and to the audit log of its collectivity, if any.

    `by` is None when a scheduled task or the payment provider acts.
    """
    if order.collectivity is not None:
        with tenant_context(order.collectivity):
            audit_log.record(
                action=f"orders.{action}",
                by=by,
                at=at,
                object_type="order",
                object_id=order.pk,
                summary=f"{order} : {summary}",
            )
    return OrderEvent.objects.create(order=order, action=action, summary=summary, at=at, by=by)
