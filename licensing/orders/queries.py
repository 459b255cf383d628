"""Shop orders visible to a user: their own, and those of schools they are verified to lead.

And which orders are sales, and which are under review.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from core import money
from core.money import Amounts
from licensing.orders.models import ZERO, Order, OrderKind, OrderLine, OrderState, PurchaseOrderScan, ScanState

#: An order counts as a sale while it may still be paid, or was.
SOLD_STATES = (OrderState.PLACED, OrderState.CONFIRMED, OrderState.PAID)
_NOTHING = money.Amounts(ZERO, ZERO, ZERO)


def list_visible_orders(user: User) -> QuerySet[Order]:
    """Return the shop orders visible to a user, the latest first, without drafts that were discarded.

    A verified principal sees every order placed for their school, including those of a predecessor.
    """
    led_schools = user.affiliations.filter(verified_at__isnull=False, school__isnull=False)
    own_orders = Order.objects.filter(placed_by=user)
    school_orders = Order.objects.filter(school__in=led_schools.values("school"), placed_at__isnull=False)
    discarded = Q(state=OrderState.CANCELLED, placed_at__isnull=True)
    return (
        # UNION, not OR: each part uses its own index, where OR scans the table.
        Order.objects.filter(pk__in=own_orders.values("pk").union(school_orders.values("pk")), kind=OrderKind.SHOP)
        .exclude(discarded)
        .select_related("school", "placed_by")
        .order_by("-created_at", "-pk")
    )


def is_under_review() -> Exists:
    """Return a condition on orders: the signed purchase order was uploaded, and waits to be checked."""
    return Exists(PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING))


def find_orders_under_review(numbers: Collection[int]) -> set[int]:
    """Return those of the orders that are under review. One query."""
    return set(Order.objects.filter(is_under_review(), pk__in=numbers).values_list("pk", flat=True))


def compute_price(line: OrderLine) -> Amounts:
    """Return the price of the line of a collectivity's order, partial credit notes deducted.

    Such an order has one line: what was credited of the order is the line's.
    """
    price = money.Amounts(line.total_ht, line.total_vat, line.total_ttc)
    if not line.order.credited:
        return price
    return money.subtract(price, money.take_part(price, _NOTHING, line.order.credited))
