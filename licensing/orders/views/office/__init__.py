"""« Achats » at a collectivity's office: from the price of a volume to the invoice. Buyers act, managers read as well.

Prices are for whoever buys or runs the office: to viewers and data officers these pages are closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.db import connection
from django.shortcuts import get_object_or_404

from collectivities.access import Office
from collectivities.access import OfficeRequest as BaseOfficeRequest
from collectivities.models import Role
from licensing.orders.models import Order

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_htmx.middleware import HtmxDetails

    from accounts.models import User
    from tenants.models import Collectivity

    class OfficeRequest(BaseOfficeRequest):
        """A member's request, which htmx may have made."""

        user: User
        htmx: HtmxDetails


BUYERS = Office(Role.BUYER)
READERS = Office(Role.BUYER, Role.MANAGER)


def own() -> Collectivity:
    """Return the collectivity whose office this is."""
    return cast("Collectivity", connection.tenant)  # type: ignore[attr-defined]


def purchases() -> QuerySet[Order]:
    """Return what this collectivity bought or prepares to buy: orders are public rows, hers alone are seen here."""
    return Order.objects.sales().filter(collectivity=own())


def purchase(pk: int) -> Order:
    """Return one of its purchases; a 404 for anybody else's."""
    return get_object_or_404(purchases(), pk=pk)


def buys(request: OfficeRequest) -> bool:
    """Whether the member may act, or only reads."""
    return Role.BUYER in request.member.roles
