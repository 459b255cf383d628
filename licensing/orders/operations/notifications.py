"""E-mails about orders: queued to the buyer in the same transaction, in the portal's outbox."""

from __future__ import annotations

import datetime

from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from accounts.models import User
from collectivities.models import Member, Role
from licensing.orders.models import Order
from mailing.operations import enqueue

#: Topic of the messages about an order; `topic_id` is its primary key.
TOPIC = "order"

PLACED = "order.placed"
IN_REVIEW = "order.in_review"
RIGHTS_OPENED = "order.rights_opened"
REMINDER = "order.reminder"
LAPSED = "order.lapsed"
SCAN_RECEIVED = "order.scan_received"
SCAN_REFUSED = "order.scan_refused"
CORRECTED = "order.corrected"
INVOICED = "order.invoiced"
PAID = "order.paid"
CREDITED = "order.credited"
OWED_AGAIN = "order.owed_again"
CANCELLED = "order.cancelled"
WITHDRAWN = "order.withdrawn"
REFUNDED = "order.refunded"
PAYMENT_REVERSED = "order.payment_reversed"
SURPLUS_MOVED = "order.surplus_moved"
PROLONGED = "order.prolonged"
SUSPENDED = "order.suspended"
RESTORED = "order.restored"
STARTED = "order.started"
VAT_CORRECTED = "order.vat_corrected"


def notify_buyer(order: Order, kind: str, *, at: datetime.datetime, **context: object) -> None:
    """Queue an e-mail of this kind to the buyer, or, if they left the collectivity, to its other buyers.

    Queues nothing if no recipient is left.
    """
    recipients = list_order_recipients(order)
    with schema_context(get_public_schema_name()):
        for user in recipients:
            enqueue(
                kind=kind,
                recipient=user.email,
                at=at,
                topic=TOPIC,
                topic_id=order.pk,
                about=str(order),
                context={"user": user.pk, "order": order.pk, **context},
            )


def list_order_recipients(order: Order) -> list[User]:
    """Return whom an e-mail about the order is sent to: its buyer, else the other buyers of the collectivity."""
    buyer = order.placed_by
    if order.collectivity is None:
        return [buyer] if buyer is not None and buyer.is_active else []
    with tenant_context(order.collectivity):
        # Members who may open the order's page.
        may_read = Member.objects.active().filter(roles__overlap=[Role.BUYER.value, Role.MANAGER.value])
        members = [one for one in may_read.prefetch_related("user").order_by("pk") if one.user.is_active]
        own = [one.user for one in members if one.user_id == order.placed_by_id]
        return own or [one.user for one in members if Role.BUYER in one.roles]
