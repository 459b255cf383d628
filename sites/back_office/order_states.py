"""An order as the operator reads it: its state, what happened, until when its rights run, what comes next."""

from __future__ import annotations

from licensing.entitlements.wording import describe_review
from licensing.orders.models import Order, OrderState, ScanState

AWAITING_PURCHASE_ORDER = (OrderState.PLACED, OrderState.LAPSED)


def describe_state(order: Order) -> str:
    """Return the state of an order in a few words, on every page the same, with its signed purchase order's.

    One query for an order without `under_review`, which lists annotate by `is_under_review`.
    """
    if order.state in AWAITING_PURCHASE_ORDER and _is_under_review(order):
        return describe_review(suspended=order.state == OrderState.LAPSED)
    return order.get_state_display()


def _is_under_review(order: Order) -> bool:
    known = vars(order).get("under_review")
    return order.scans.filter(state=ScanState.WAITING).exists() if known is None else bool(known)
