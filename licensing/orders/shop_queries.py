"""Whose orders of the shop somebody may read: his own, and those of a school that he was shown to lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from licensing.orders.models import Order, OrderKind, OrderState

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User


def orders_of(user: User) -> QuerySet[Order]:
    """Return the orders that somebody reads, the latest first: without those that were given up before being placed.

    A verified principal reads what was ordered for his school, whoever ordered it: he administers those licences, and
    settles what his predecessor left.
    """
    led = user.affiliations.filter(verified_at__isnull=False, school__isnull=False)
    mine = Order.objects.filter(placed_by=user)
    of_my_schools = Order.objects.filter(school__in=led.values("school"), placed_at__isnull=False)
    given_up = Q(state=OrderState.CANCELLED, placed_at__isnull=True)
    return (
        # Joined and not « or »: each is found by its own index, where an « or » reads the books whole.
        Order.objects.filter(pk__in=mine.values("pk").union(of_my_schools.values("pk")), kind=OrderKind.SHOP)
        .exclude(given_up)
        .select_related("school", "placed_by")
        .order_by("-created_at", "-pk")
    )
