"""The cheapest orders for a number of classes, and the tiers that are dearer than smaller ones together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from core import formatting
from licensing.catalogue.pricing import MAX_CLASSES


class TierPrice(NamedTuple):
    """The price of a tier, VAT included: flat up to `last`, or per class where `last` is None."""

    first: int
    last: int | None
    ttc: Decimal


@dataclass(frozen=True, slots=True)
class Purchase:
    """Orders of the same size. Amounts in euros, VAT included."""

    #: Licences that each of the orders credits.
    licences: int
    orders: int
    ttc: Decimal

    @property
    def total(self) -> Decimal:
        return self.ttc * self.orders

    def __str__(self) -> str:
        return f"{formatting.pluralize(self.orders, 'commande')} de {formatting.pluralize(self.licences, 'classe')}"


@dataclass(frozen=True, slots=True)
class Combination:
    """Orders that cover a number of classes together, the largest first."""

    purchases: tuple[Purchase, ...]

    @property
    def total(self) -> Decimal:
        """Price of all of them, in euros, VAT included."""
        return sum((one.total for one in self.purchases), Decimal())

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.purchases)

    def __str__(self) -> str:
        return formatting.join_words([str(one) for one in self.purchases])


def find_cheapest(classes: int, prices: Sequence[TierPrice]) -> Combination | None:
    """Return the cheapest orders that cover so many classes, and the fewest of them; None if no tier is known."""
    options = _list_options(classes, prices)
    if not options:
        return None
    # For each number of classes: cost, number of orders, and the order that was added last.
    best: list[tuple[Decimal, int, Purchase | None]] = [(Decimal(), 0, None)]
    for number in range(1, classes + 1):
        candidates = []
        for option in options:
            cost, orders, _ = best[max(0, number - option.licences)]
            candidates.append((cost + option.ttc, orders + 1, option))
        best.append(min(candidates, key=lambda one: one[:2]))
    chosen: Counter[Purchase] = Counter()
    left = classes
    while left > 0:
        last = best[left][2]
        assert last is not None  # noqa: S101 - set for every number above zero
        chosen[last] += 1
        left -= last.licences
    by_size = sorted(chosen.items(), key=lambda one: -one[0].licences)
    return Combination(tuple(Purchase(one.licences, count, one.ttc) for one, count in by_size))


def _list_options(classes: int, prices: Sequence[TierPrice]) -> list[Purchase]:
    """Return each single order that is worth making for at most so many classes."""
    options = [Purchase(one.last, 1, one.ttc) for one in prices if one.last is not None]
    for first, last, ttc in prices:
        if last is None:
            options += [Purchase(size, 1, ttc * size) for size in range(first, max(first, classes) + 1)]
    return options


def find_dearer_tiers(prices: Sequence[TierPrice]) -> list[str]:
    """Return a French sentence for each tier that is dearer than smaller ones together; empty if none is."""
    ordered = sorted(prices, key=lambda one: one.first)
    found = ((one, _find_cheaper(one, ordered[:rank])) for rank, one in enumerate(ordered) if rank)
    return [_describe_dearer(tier, *cheaper) for tier, cheaper in found if cheaper is not None]


def _find_cheaper(tier: TierPrice, smaller: Sequence[TierPrice]) -> tuple[int, Combination] | None:
    """Return the fewest classes of a tier that smaller tiers cover for less, with how; None if there is none."""
    # A flat price is dearest for its fewest classes.
    last = tier.first if tier.last is not None else MAX_CLASSES
    for classes in range(tier.first, last + 1):
        combination = find_cheapest(classes, smaller)
        if combination is not None and combination.total < _price_classes(tier, classes):
            return classes, combination
    return None


def _describe_dearer(tier: TierPrice, classes: int, cheaper: Combination) -> str:
    return (
        f"Pour {formatting.pluralize(classes, 'classe')}, le palier coûte "
        f"{formatting.euros(_price_classes(tier, classes))} ; {cheaper} coûtent {formatting.euros(cheaper.total)}."
    )


def _price_classes(tier: TierPrice, classes: int) -> Decimal:
    return tier.ttc if tier.last is not None else tier.ttc * classes
