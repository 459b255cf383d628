"""Offers of the shop: the school tiers on sale, and the price of a number of classes."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal

from core.money import round_to_cents
from licensing.catalogue import pricing
from licensing.catalogue.cheapest import Combination, TierPrice, find_cheapest
from licensing.catalogue.exceptions import NotOnSale
from licensing.catalogue.models import SchoolTier, SchoolYear, Seller
from licensing.catalogue.pricing import PUPILS_PER_CLASS, PricedLine


@dataclass(frozen=True, slots=True)
class TierOffer:
    """A school tier with the prices that the shop shows."""

    tier: SchoolTier
    #: Price of its smallest number of classes.
    minimum_price: PricedLine
    #: Displayed price: the tier's flat price, or the price per class in the open tier.
    displayed_price: PricedLine

    @property
    def is_per_class(self) -> bool:
        """Whether the price is per class."""
        return self.tier.to_classes is None

    @property
    def price_per_licence(self) -> Decimal:
        """Price of each licence that a flat price credits, in euros, VAT included."""
        return round_to_cents(self.minimum_price.amounts.ttc / self.minimum_price.quantity)

    @property
    def pupils(self) -> int:
        return self.minimum_price.quantity * PUPILS_PER_CLASS

    def covers(self, classes: int) -> bool:
        """Return whether a number of classes falls in this tier."""
        return self.tier.from_classes <= classes <= (self.tier.to_classes or classes)


def list_years_to_order(day: datetime.date) -> list[SchoolYear]:
    """Return the school years on sale that day, the latest first; empty without a seller."""
    return pricing.list_years_on_sale(day) if Seller.objects.exists() else []


def choose_year(years: list[SchoolYear], chosen: str) -> SchoolYear | None:
    """Return the year that ends in the calendar year `chosen`, else the latest; None if there is none."""
    return next((year for year in years if str(year.ends_on.year) == chosen), years[0] if years else None)


def list_offers(year: SchoolYear | None) -> list[TierOffer]:
    """Return the tiers of a school year, the smallest first; empty without a year."""
    tiers = pricing.list_tiers(year)
    return [
        TierOffer(
            tier=tier,
            minimum_price=pricing.price_tier(tier, tier.from_classes),
            displayed_price=pricing.price_tier(tier, tier.to_classes or 1),
        )
        for tier in tiers
    ]


def find_price_of_one_class(day: datetime.date) -> Decimal | None:
    """Return the shop's price of one class that day, in euros, VAT included; None while none is on sale."""
    year = choose_year(list_years_to_order(day), "")
    if year is None:
        return None
    try:
        return find_offer(list_offers(year), 1)[1].amounts.ttc
    except NotOnSale:
        return None


def find_offer(on_offer: list[TierOffer], classes: int) -> tuple[TierOffer, PricedLine]:
    """Return the offer for a number of classes, and their price. Raises `BadQuantity` or `NotOnSale`."""
    tier = pricing.find_tier(classes, [offer.tier for offer in on_offer])
    return next(offer for offer in on_offer if offer.tier == tier), pricing.price_tier(tier, classes)


def find_cheapest_orders(on_offer: list[TierOffer], classes: int) -> Combination | None:
    """Return the cheapest orders that cover a number of classes; None without offers."""
    prices = [TierPrice(one.tier.from_classes, one.tier.to_classes, one.tier.price_ttc) for one in on_offer]
    return find_cheapest(classes, prices)
