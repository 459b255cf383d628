"""What each operation on an order does: lock the order, record its event, notify its buyer.

A collectivity reads the events of its own orders in its audit log.
"""

import datetime
from collections.abc import Callable, Iterable

from django.db import transaction
from django.db.models import Max
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit_log
from collectivities.capabilities import Capability
from collectivities.models import Member
from core.exceptions import Refusal
from licensing.orders.models import Order, OrderEvent
from mailing.operations import NewMessage, enqueue_in_portal

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
    for user in list_order_recipients(order):
        content = {"user": user.pk, "order": order.pk, **context}
        # One call each: a message that is enqueued alone leaves before those that were enqueued together.
        enqueue_in_portal([NewMessage(kind, user.email, TOPIC, order.pk, str(order), content)], at=at)


def list_order_recipients(order: Order) -> list[User]:
    """Return whom an e-mail about the order is sent to: its buyer, else the other buyers of the collectivity."""
    buyer = order.placed_by
    if order.collectivity is None:
        return [buyer] if buyer is not None and buyer.is_active else []
    with tenant_context(order.collectivity):
        # Members who may open the order's page.
        may_read = Member.objects.who_may(Capability.READ_ORDERS)
        members = [one for one in may_read.prefetch_related("user").order_by("pk") if one.user.is_active]
        own = [one.user for one in members if one.user_id == order.placed_by_id]
        return own or [one.user for one in members if one.may(Capability.BUY_LICENCES)]


# The row lock that every operation on an order takes first, and the check that the order is still as it was shown.
#
# Lock order: bank line → order → pool → allocation → key → subscription → seat, card payment or transmission → number
# of an invoice → job that is queued once. A report of e-reporting is made under a lock of its own, then as the rest.


def lock_order(order_id: int) -> Order:
    """Lock the order until the transaction ends, and return it. Raises `Refusal`."""
    order = Order.objects.locked().filter(pk=order_id).first()
    if order is None:
        raise Refusal("unknown_order", "Cette commande n'existe pas.")
    return order


def lock_orders(*order_ids: int) -> dict[int, Order]:
    """Lock several orders in the order of their keys, as all who lock several do; return them by id.

    Raises `Refusal`.
    """
    return {order_id: lock_order(order_id) for order_id in sorted(set(order_ids))}


def get_order_version(order_id: int) -> str:
    """Return the id of the order's last event: every operation on an order records one."""
    return str(OrderEvent.objects.filter(order=order_id).aggregate(last=Max("pk"))["last"] or 0)


@transaction.atomic
def apply_if_unchanged[Result](
    *, order_id: int, version: str, operation: Callable[[], Result], other_order_ids: Iterable[int] = ()
) -> Result:
    """Run an operation on an order that is still at `version`, under its lock; return the operation's result.

    A page is so applied once, however often its button is clicked. `other_order_ids`: orders that the operation locks
    as well. Raises `Refusal`.
    """
    lock_orders(order_id, *other_order_ids)
    if get_order_version(order_id) != version:
        raise Refusal(
            "outdated",
            "Cette commande a changé depuis que la page est affichée : rien n'a été fait. "
            "Relisez-la, puis recommencez si c'est encore à faire.",
        )
    return operation()


def record(
    order: Order,
    action: str,
    summary: str,
    *,
    by: User | None,
    at: datetime.datetime,
    email: str = "",
    **context: object,
) -> None:
    """Append an event to the order, and to the audit log of its collectivity, if any.

    `by` is None when a scheduled task or the payment provider acts. `email`: the kind of e-mail that `notify_buyer`
    then queues, with this `context`; empty for none.
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
    OrderEvent.objects.create(order=order, action=action, summary=summary, at=at, by=by)
    if email:
        notify_buyer(order, email, at=at, **context)
