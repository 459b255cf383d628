"""« Achats » at a collectivity's office, from the price of a volume to the invoice.

Buyers may act, managers may read; viewers and data officers have no access to prices.
"""

from __future__ import annotations

from typing import cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from collectivities.access import OfficeAccess, OfficeHttpRequest
from collectivities.models import Role
from core.connections import connection
from licensing.orders.models import Order
from tenants.models import Collectivity

BUYERS = OfficeAccess(Role.BUYER)
READERS = OfficeAccess(Role.BUYER, Role.MANAGER)


def get_current_collectivity() -> Collectivity:
    """Return the current tenant."""
    return cast("Collectivity", connection.tenant)


def list_purchases() -> QuerySet[Order]:
    """Return the current collectivity's purchases and drafts (orders are rows of the public schema)."""
    return Order.objects.sales().filter(collectivity=get_current_collectivity())


def get_purchase(pk: int) -> Order:
    """Return one of its purchases; raises `Http404` for another's."""
    return get_object_or_404(list_purchases(), pk=pk)


def can_buy(request: OfficeHttpRequest) -> bool:
    """Whether the member may buy, and not only read."""
    return Role.BUYER in request.member.roles
