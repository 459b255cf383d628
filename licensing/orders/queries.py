"""Shop orders visible to a user: their own, and those of schools they are verified to lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from licensing.orders.models import Order, OrderKind, OrderState

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User


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
