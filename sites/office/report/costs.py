"""What the licences of a school year cost the collectivity."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from core import money
from core.money import Amounts
from licensing.entitlements.queries import ends_in_school_year
from licensing.orders.models import OrderLine
from licensing.orders.queries import SOLD_STATES, compute_price
from sites.office.purchases import list_purchases


class UsedClassCost(NamedTuple):
    """The price of a year's licences, and of each class that used one; None where nothing was paid or used."""

    total: Amounts
    #: Without and with VAT.
    ht: Decimal | None = None
    ttc: Decimal | None = None


def read_price(school_year: int) -> Amounts:
    """Return the price of the licences bought for a school year, partial credit notes deducted. One query.

    Of orders that stand: neither cancelled nor lapsed. What the operator granted has no price.
    """
    lines = OrderLine.objects.filter(
        ends_in_school_year(school_year, "entitlement"),
        order__in=list_purchases().filter(state__in=SOLD_STATES),
        entitlement__cancelled_at=None,
    ).select_related("order")
    return money.sum_amounts(compute_price(line) for line in lines)


def share_price(total: Amounts, used: int | None) -> UsedClassCost:
    """Return the cost of a used class; `used`: None where it may not be told."""
    if not total.ttc or not used:
        return UsedClassCost(total)
    ht, ttc = (money.round_to_cents(amount / Decimal(used)) for amount in (total.ht, total.ttc))
    return UsedClassCost(total, ht, ttc)
