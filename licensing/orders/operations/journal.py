"""Every step of an order, written in the transaction that takes it. A collectivity reads its own in its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_tenants.utils import tenant_context

from collectivities import audit
from licensing.orders.models import OrderEvent

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.orders.models import Order


def record(order: Order, action: str, summary: str, *, by: User | None, at: datetime.datetime) -> OrderEvent:
    """Append a step to the order, and to the journal of the collectivity whose order it is.

    `by` None: the clock, or a card provider.
    """
    if order.collectivity is not None:
        with tenant_context(order.collectivity):
            audit.record(
                action=f"orders.{action}",
                by=by,
                at=at,
                object_type="order",
                object_id=order.pk,
                summary=f"{order} : {summary}",
            )
    return OrderEvent.objects.create(order=order, action=action, summary=summary, at=at, by=by)
