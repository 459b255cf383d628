"""Amounts received for orders, and the orders whose invoice was rejected.

Payments are recorded by the app above: they are read here by the reverse accessor `Order.payments`, because an invoice
states what was already paid.
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import DecimalField, Exists, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from accounts.models import User
from core.money import Amounts
from licensing.billing.models import Invoice
from licensing.orders.models import ZERO, Order, OrderKind


def sum_received() -> Coalesce:
    """Return a subquery of the amount received for each order, less refunds, in euros."""
    sums = Order.objects.filter(pk=OuterRef("pk")).order_by().values("pk").annotate(received=Sum("payments__amount"))
    return Coalesce(Subquery(sums.values("received")), Value(ZERO), output_field=DecimalField())


def get_amount_received(order: Order) -> Decimal:
    """Return the amount received for an order, less refunds, in euros."""
    received: Decimal = Order.objects.filter(pk=order.pk).values_list(sum_received(), flat=True).get()
    return received


def get_balance(order: Order) -> Decimal:
    """Return the amount still due for an order, less its partial credit notes, in euros; negative if overpaid."""
    return order.owed - get_amount_received(order)


def sum_credited(invoice: Invoice) -> Amounts:
    """Return what the credit notes of an invoice take back of it so far."""
    totals = invoice.credit_notes.aggregate(ht=Sum("total_ht"), vat=Sum("total_vat"), ttc=Sum("total_ttc"))
    return Amounts(*(totals[name] or ZERO for name in ("ht", "vat", "ttc")))


def has_rejected_invoice() -> Exists:
    """Return a subquery: whether the order's invoice was rejected, and is to be reissued."""
    return Exists(Invoice.objects.rejected().filter(order=OuterRef("pk")))


def has_invoiced_orders(user: User) -> bool:
    """Return whether any of the user's shop orders was invoiced. One query."""
    return Invoice.objects.filter(order__placed_by=user, order__kind=OrderKind.SHOP).exists()
