"""Amounts are exact to the cent: HT + TVA = TTC; one is rounded half up, one is the difference."""

import random
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest

from core.money import (
    CENT,
    Amounts,
    add_vat,
    extract_vat,
    round_to_cents,
    subtract,
    sum_amounts,
    take_part,
    total_by_rate,
)

BASKETS = 10_000
RATES = [Decimal(rate) for rate in ("20.00", "10.00", "8.50", "5.50", "2.10", "0.00")]


def half_up(amount: Fraction) -> Decimal:
    """Round half up to the cent, independently of the code under test."""
    return Decimal(floor(amount * 100 + Fraction(1, 2))) / 100


def test_the_guide_s_example():
    assert extract_vat(Decimal("199.00"), Decimal("20.00")) == Amounts(
        ht=Decimal("165.83"), vat=Decimal("33.17"), ttc=Decimal("199.00")
    )


def test_half_a_cent_goes_up():
    assert round_to_cents(Decimal("0.125")) == Decimal("0.13")
    assert round_to_cents(Decimal("0.135")) == Decimal("0.14")
    # 0.03 / 1.2 = 0.025
    assert extract_vat(Decimal("0.03"), Decimal("20.00")).ht == Decimal("0.03")


@pytest.mark.slow
def test_parts_of_a_price_add_up_to_it_whatever_they_are():
    chance = random.Random(7)  # noqa: S311 - the same parts each time
    for _ in range(BASKETS // 10):
        price = extract_vat(Decimal(chance.randint(2, 10**6)) / 100, chance.choice(RATES))
        taken = Amounts(*[Decimal("0.00")] * 3)
        while taken.ttc < price.ttc:
            ttc = Decimal(chance.randint(1, int((price.ttc - taken.ttc) * 100))) / 100
            part = take_part(price, taken, ttc)
            assert min(part.ht, part.vat) >= 0
            assert part.ht + part.vat == part.ttc == ttc
            taken = sum_amounts([taken, part])
        assert (taken, subtract(price, taken).ttc) == (price, 0)


@pytest.mark.slow
def test_ten_thousand_baskets_add_up_to_the_cent():
    chance = random.Random(5)  # noqa: S311 - the same baskets each time
    for _ in range(BASKETS):
        lines = []
        for _line in range(chance.randint(1, 6)):
            rate = chance.choice(RATES)
            price = Decimal(chance.randint(1, 10 ** chance.randint(2, 8))) / 100
            if chance.random() < 0.5:
                amounts = extract_vat(price, rate)
                assert amounts.ttc == price
                assert amounts.ht == half_up(Fraction(price) * 100 / (100 + Fraction(rate)))
            else:
                amounts = add_vat(price, rate)
                assert amounts.ht == price
                assert amounts.vat == half_up(Fraction(price) * Fraction(rate) / 100)
            assert amounts.ht + amounts.vat == amounts.ttc
            # Recomputed from base and rate it differs by a cent at most.
            assert abs(amounts.vat - half_up(Fraction(amounts.ht) * Fraction(rate) / 100)) <= CENT
            lines.append((rate, amounts))
        total = sum_amounts(amounts for _rate, amounts in lines)
        assert total.ht + total.vat == total.ttc == sum(amounts.ttc for _rate, amounts in lines)
        rates = total_by_rate(lines)
        assert sum_amounts(one.amounts for one in rates) == total
        assert [one.rate for one in rates] == sorted({rate for rate, _ in lines}, reverse=True)
        for one in rates:
            assert one.amounts == tuple(map(round_to_cents, one.amounts))


@pytest.mark.parametrize("ttc", ["49.00", "199.00", "349.00", "479.00", "30.00"])
def test_vat_at_twenty_per_cent_is_what_base_and_rate_give(ttc):
    amounts = extract_vat(Decimal(ttc), Decimal("20.00"))
    assert amounts.vat == round_to_cents(amounts.ht * Decimal("0.2"))
