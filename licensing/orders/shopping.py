"""Offers of the shop: the school tiers on sale, and the price of a number of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licensing.catalogue import pricing
from licensing.catalogue.pricing import PUPILS_A_CLASS
from licensing.orders.models import Seller

if TYPE_CHECKING:
    import datetime

    from licensing.catalogue.models import SchoolTier
    from licensing.catalogue.pricing import Priced


@dataclass(frozen=True, slots=True)
class Offer:
    """A school tier with the prices that the shop shows."""

    tier: SchoolTier
    #: Price of its smallest number of classes.
    least: Priced
    #: Displayed price: the tier's flat price, or the price per class in the open tier.
    shown: Priced

    @property
    def a_class(self) -> bool:
        """Whether the price is per class."""
        return self.tier.to_classes is None

    @property
    def pupils(self) -> int:
        return self.least.quantity * PUPILS_A_CLASS

    def holds(self, classes: int) -> bool:
        """Return whether a number of classes falls in this tier."""
        return self.tier.from_classes <= classes <= (self.tier.to_classes or classes)


def offers(day: datetime.date) -> list[Offer]:
    """Return the tiers on sale that day, the smallest first; empty if none, or without a seller."""
    tiers = pricing.tiers_on(day)
    if not (tiers and Seller.objects.exists()):
        return []
    return [
        Offer(
            tier=tier,
            least=pricing.of_tier(tier, tier.from_classes),
            shown=pricing.of_tier(tier, tier.to_classes or 1),
        )
        for tier in tiers
    ]


def price(on_offer: list[Offer], classes: int) -> tuple[Offer, Priced]:
    """Return the offer for a number of classes, and their price. Raises `BadQuantity` or `NotOnSale`."""
    tier = pricing.tier_for(classes, [offer.tier for offer in on_offer])
    return next(offer for offer in on_offer if offer.tier == tier), pricing.of_tier(tier, classes)
