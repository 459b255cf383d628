"""The row lock that every operation on an order takes first, and the check that the order is still as it was shown.

Lock order: bank line → order → pool → allocation → key → subscription → seat, card payment or transmission → number
of an invoice → job that is queued once. A report of e-reporting is made under a lock of its own, then as the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db import transaction
from django.db.models import Max

from licensing.orders.exceptions import ChangedMeanwhile, UnknownOrder
from licensing.orders.models import Order, OrderEvent


def lock_order(order_id: int) -> Order:
    """Lock the order until the transaction ends, and return it. Raises `UnknownOrder`."""
    order = Order.objects.locked().filter(pk=order_id).first()
    if order is None:
        raise UnknownOrder("Cette commande n'existe pas.")
    return order


def lock_orders(*order_ids: int) -> dict[int, Order]:
    """Lock several orders in the order of their keys, as all who lock several do; return them by id.

    Raises `UnknownOrder`.
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
    as well. Raises `ChangedMeanwhile`.
    """
    lock_orders(order_id, *other_order_ids)
    if get_order_version(order_id) != version:
        raise ChangedMeanwhile(
            "Cette commande a changé depuis que la page est affichée : rien n'a été fait. "
            "Relisez-la, puis recommencez si c'est encore à faire."
        )
    return operation()
