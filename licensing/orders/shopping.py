"""What the shop shows before anything is ordered: the tiers side by side, and what so many classes come to."""

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
    """One tier, as it stands beside the others."""

    tier: SchoolTier
    #: What its smallest number of classes comes to; in the open tier, that is the price of so many.
    least: Priced
    #: The price that is shown: the tier's, or one class's in the open tier.
    shown: Priced

    @property
    def a_class(self) -> bool:
        """Whether the price is that of each class."""
        return self.tier.to_classes is None

    @property
    def pupils(self) -> int:
        return self.least.quantity * PUPILS_A_CLASS

    def holds(self, classes: int) -> bool:
        """Whether so many classes fall in this tier."""
        return self.tier.from_classes <= classes <= (self.tier.to_classes or classes)


def offers(day: datetime.date) -> list[Offer]:
    """Return the tiers on sale that day, the smallest first; none where nothing is, or nobody is said to sell."""
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
    """Return which of the offers holds so many classes, and what they come to. Raises `BadQuantity` or `NotOnSale`."""
    tier = pricing.tier_for(classes, [offer.tier for offer in on_offer])
    return next(offer for offer in on_offer if offer.tier == tier), pricing.of_tier(tier, classes)
