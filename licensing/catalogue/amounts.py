"""Money: exact, in cents, with French VAT. Pure functions over `Decimal`; amounts in euros, rates in per cent.

Rounding is half up, as French tax law has it. HT + TVA = TTC to the cent, always: one of the three is a difference.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

CENT = Decimal("0.01")
_HUNDRED = Decimal(100)


class Amounts(NamedTuple):
    """A price before VAT, its VAT, and the two together."""

    ht: Decimal
    vat: Decimal
    ttc: Decimal


class RateTotal(NamedTuple):
    """What the lines of one rate come to."""

    rate: Decimal
    amounts: Amounts


def cents(amount: Decimal) -> Decimal:
    """Return the amount rounded to the cent, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def from_ttc(ttc: Decimal, rate: Decimal) -> Amounts:
    """Split a price that includes VAT: HT is rounded, VAT is the difference."""
    ht = cents(ttc * _HUNDRED / (_HUNDRED + rate))
    return Amounts(ht=ht, vat=ttc - ht, ttc=ttc)


def from_ht(ht: Decimal, rate: Decimal) -> Amounts:
    """Add VAT to a price without it: VAT is rounded, TTC is the sum."""
    vat = cents(ht * rate / _HUNDRED)
    return Amounts(ht=ht, vat=vat, ttc=ht + vat)


def total(all_amounts: Iterable[Amounts]) -> Amounts:
    """Return the sum of the amounts."""
    ht = vat = Decimal("0.00")
    for one in all_amounts:
        ht += one.ht
        vat += one.vat
    return Amounts(ht=ht, vat=vat, ttc=ht + vat)


def by_rate(lines: Iterable[tuple[Decimal, Amounts]]) -> list[RateTotal]:
    """Return the totals of the lines (rate, amounts), a rate each, the highest first."""
    rates: dict[Decimal, list[Amounts]] = {}
    for rate, amounts in lines:
        rates.setdefault(rate, []).append(amounts)
    return [RateTotal(rate, total(rates[rate])) for rate in sorted(rates, reverse=True)]
