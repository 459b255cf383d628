"""The letters that orders cause: queued in the transaction, on the portal's outbox, to whoever bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_tenants.utils import get_public_schema_name, schema_context

from mailing.operations import enqueue

if TYPE_CHECKING:
    import datetime

    from licensing.orders.models import Order

#: What the messages about an order give as their topic; `topic_id` is the order's number.
TOPIC = "order"

PLACED = "order.placed"
REMINDER = "order.reminder"
LAPSED = "order.lapsed"
SCAN_REFUSED = "order.scan_refused"
INVOICED = "order.invoiced"
PAID = "order.paid"
CANCELLED = "order.cancelled"
REFUNDED = "order.refunded"
PROLONGED = "order.prolonged"


def tell_buyer(order: Order, kind: str, *, at: datetime.datetime, **context: object) -> None:
    """Queue a letter of this kind to the buyer; nobody where the order has none, or the account has ended."""
    buyer = order.placed_by
    if buyer is None or not buyer.is_active:
        return
    with schema_context(get_public_schema_name()):
        enqueue(
            kind=kind,
            recipient=buyer.email,
            at=at,
            topic=TOPIC,
            topic_id=order.pk,
            about=str(order),
            context={"user": buyer.pk, "order": order.pk, **context},
        )
