"""The row lock that every operation on an order takes first.

Lock order: order → pool → allocation → key → subscription → seat.
"""

from __future__ import annotations

from licensing.orders.exceptions import UnknownOrder
from licensing.orders.models import Order


def lock_order(order_id: int) -> Order:
    """Lock the order until the transaction ends, and return it. Raises `UnknownOrder`."""
    order = Order.objects.locked().filter(pk=order_id).first()
    if order is None:
        raise UnknownOrder("Cette commande n'existe pas.")
    return order
