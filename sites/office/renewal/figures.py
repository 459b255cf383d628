"""What a renewal costs, beside what this year did."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from core.calendar import date_in_paris
from core.money import Amounts
from licensing.catalogue import pricing
from licensing.exceptions import LicensingError
from licensing.orders import billing_details, queries
from licensing.renewals.queries import RenewalList, count_ordered
from sites.office.purchases import get_current_collectivity
from sites.office.year_report import read_price


class RenewalCost(NamedTuple):
    """What is bought for the prepared year, and what that costs."""

    #: Licences ordered, or to be ordered.
    units: int
    #: None where nothing is to be bought, or no price is known.
    price: Amounts | None
    #: Whether the price is that of the prepared year; else it is today's.
    is_final: bool
    #: What this year's licences cost.
    last_price: Amounts


def read_cost(found: RenewalList, at: datetime.datetime) -> RenewalCost:
    """Return what the list costs: of its order, else at the prices on sale. Six queries at most."""
    last_price = read_price(found.year - 1)
    order = found.order
    if order is not None:
        price = type(last_price)(order.total_ht, order.total_vat, order.total_ttc)
        return RenewalCost(count_ordered(order), price, is_final=True, last_price=last_price)
    day = date_in_paris(at)
    if not found.to_order or not queries.list_years_to_order(day):
        return RenewalCost(found.to_order, None, is_final=False, last_price=last_price)
    try:
        priced = pricing.price_volume(found.to_order, day, found.year)
    except LicensingError:
        return RenewalCost(found.to_order, None, is_final=False, last_price=last_price)
    vat = billing_details.find_collectivity_vat(get_current_collectivity(), priced.product)
    is_final = priced.school_year.ends_on.year == found.year
    return RenewalCost(found.to_order, priced.at_rate(vat.rate).amounts, is_final=is_final, last_price=last_price)
