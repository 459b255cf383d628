"""The cheapest orders for a number of classes, and price lists that make several orders cheaper than one."""

import itertools
import random
from decimal import Decimal

import pytest

from licensing.catalogue.models import SchoolTier
from licensing.catalogue.pricing import find_cheapest, find_dearer_tiers
from sites.demo.shop import TIERS as DEMO_TIERS


def prices(*rows) -> list[SchoolTier]:
    return [SchoolTier(from_classes=first, to_classes=last, price_ttc=Decimal(price)) for first, last, price in rows]


#: Three classes are dearer together than one by one.
INCOHERENT = prices((1, 1, "49"), (2, 5, "199"), (6, None, "30"))


@pytest.mark.parametrize(
    ("classes", "expected", "total"),
    [
        (1, "1 commande de 1 classe", "49"),
        (3, "3 commandes de 1 classe", "147"),
        (5, "1 commande de 6 classes", "180"),
        (7, "1 commande de 7 classes", "210"),
    ],
)
def test_the_cheapest_orders_may_be_several_or_of_more_classes(classes, expected, total):
    found = find_cheapest(classes, INCOHERENT)
    assert (str(found).replace("\xa0", " "), found.total) == (expected, Decimal(total))


def test_of_equal_prices_the_fewest_orders_are_chosen():
    assert find_cheapest(4, prices((1, 1, "50"), (2, 4, "200"))).orders == 1


def test_without_prices_nothing_is_cheapest():
    assert find_cheapest(3, []) is None


@pytest.mark.slow
def test_no_combination_is_cheaper_than_what_is_found():
    """Against every combination of at most seven orders, on price lists drawn at random."""
    draw = random.Random(17)  # noqa: S311 - no secret
    for _ in range(30):
        listed = prices(*((size, size, draw.randint(10, 90)) for size in (1, 2, 3, 5)))
        for classes in range(1, 8):
            cheapest = min(
                sum((tier.price_ttc for tier in orders), Decimal())
                for count in range(1, 8)
                for orders in itertools.combinations_with_replacement(listed, count)
                if sum(tier.to_classes for tier in orders) >= classes
            )
            assert find_cheapest(classes, listed).total == cheapest


def test_a_tier_dearer_than_smaller_ones_together_is_named_with_the_figures():
    [warning] = find_dearer_tiers(INCOHERENT)
    assert warning.replace("\xa0", " ") == (
        "Pour 2 classes, le palier coûte 199,00 € ; 2 commandes de 1 classe coûtent 98,00 €."
    )


def test_an_open_tier_is_compared_at_each_number_of_classes():
    """16 classes are cheaper by it, 20 are not: two orders of ten."""
    [warning] = find_dearer_tiers(prices((1, 10, "299"), (11, 15, "399"), (16, None, "30")))
    assert warning.startswith("Pour 20\xa0classes, le palier coûte 600,00\xa0€")


def test_the_prices_of_the_demonstration_are_coherent():
    listed = prices(*DEMO_TIERS)
    assert find_dearer_tiers(listed) == []
    one_by_one = find_cheapest(3, listed[:1]).total
    assert find_cheapest(3, listed).total <= one_by_one
