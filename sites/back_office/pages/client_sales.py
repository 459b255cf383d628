"""What a client ordered, paid and owes."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import F, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from licensing.billing.models import Invoice
from licensing.billing.queries import sum_received
from licensing.orders.models import ZERO, Order, OrderState
from licensing.orders.queries import is_under_review

#: The latest orders; the admin's list has them all.
MAX_ORDERS = 50
#: Billed, and not given up since.
_BILLED_STATES = (OrderState.CONFIRMED, OrderState.PAID)


class ClientOrder(NamedTuple):
    """An order, its invoice where it has one that stands, what came in for it, and what is still due."""

    order: Order
    invoice: Invoice | None
    received: Decimal
    due: Decimal
    #: Left of those ordered.
    licences: int
    #: Its invoice is due since an earlier day, and not paid.
    is_overdue: bool


class ClientTotals(NamedTuple):
    """In euros, VAT included: billed less credited, received less given back, and what is owed of what was billed."""

    billed: Decimal
    received: Decimal
    owed: Decimal
    unpaid_orders: int


def list_client_orders(orders: QuerySet[Order], day: datetime.date) -> list[ClientOrder]:
    """Return the latest of these orders. Three queries at most."""
    invoices = Invoice.objects.current().defer("xml", "snapshot").order_by("pk")
    latest = (
        orders.select_related("school", "collectivity", "placed_by")
        .prefetch_related(Prefetch("invoices", invoices), "lines")
        .annotate(received=sum_received(), under_review=is_under_review())
        .order_by("-created_at", "-pk")[:MAX_ORDERS]
    )
    return [_describe_order(order, day) for order in latest]


def compute_totals(orders: QuerySet[Order]) -> ClientTotals:
    """Return the sums over all of these orders. Two queries."""
    awaited = Q(state=OrderState.CONFIRMED)
    sums = orders.annotate(came_in=sum_received()).aggregate(
        billed=Coalesce(Sum(F("total_ttc") - F("credited"), filter=Q(state__in=_BILLED_STATES)), ZERO),
        received=Coalesce(Sum("came_in"), ZERO),
        owed=Coalesce(Sum(F("total_ttc") - F("credited") - F("came_in"), filter=awaited), ZERO),
    )
    return ClientTotals(**sums, unpaid_orders=orders.filter(awaited).count())


def _describe_order(order: Order, day: datetime.date) -> ClientOrder:
    found: Any = order
    invoice = next(iter(order.invoices.all()), None)
    # Once all of it came in, an order is no longer awaited.
    due = order.owed - found.received if order.state == OrderState.CONFIRMED else ZERO
    licences = sum(line.remaining for line in order.lines.all())
    return ClientOrder(order, invoice, found.received, due, licences, bool(due and invoice and invoice.due_on < day))
