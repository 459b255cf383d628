"""What is left of payments after refunds and reversals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Sum

from licensing.orders.models import ZERO

if TYPE_CHECKING:
    from decimal import Decimal

    from licensing.payments.models import Payment


def get_amount_left(payment: Payment) -> Decimal:
    """Return what is left of a payment, in euros: its amount less what was refunded or reversed."""
    taken_back: Decimal = payment.taken_back.aggregate(total=Sum("amount"))["total"] or ZERO
    return payment.amount + taken_back
