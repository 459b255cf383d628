"""Exact amounts with French VAT. Pure functions over `Decimal`; amounts in euros, rates in per cent.

Rounds half up to the cent, as French tax law requires. HT + TVA = TTC always holds: one of the three is a difference.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

CENT = Decimal("0.01")
_HUNDRED = Decimal(100)


class Amounts(NamedTuple):
    """A price without VAT (`ht`), its VAT, and the price with VAT (`ttc`)."""

    ht: Decimal
    vat: Decimal
    ttc: Decimal


class RateTotal(NamedTuple):
    """The totals of the lines at one VAT rate."""

    rate: Decimal
    amounts: Amounts


def round_to_cents(amount: Decimal) -> Decimal:
    """Return the amount rounded to the cent, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def extract_vat(ttc: Decimal, rate: Decimal) -> Amounts:
    """Split a price with VAT: HT is rounded, VAT is the difference."""
    ht = round_to_cents(ttc * _HUNDRED / (_HUNDRED + rate))
    return Amounts(ht=ht, vat=ttc - ht, ttc=ttc)


def add_vat(ht: Decimal, rate: Decimal) -> Amounts:
    """Add VAT to a price without VAT: VAT is rounded, TTC is the sum."""
    vat = round_to_cents(ht * rate / _HUNDRED)
    return Amounts(ht=ht, vat=vat, ttc=ht + vat)


def take_part(total: Amounts, taken: Amounts, ttc: Decimal) -> Amounts:
    """Split a part of an amount of which some was taken before; `ttc`: the part, with VAT.

    Parts whose TTC add up to the amount also add up to its HT and its VAT, however many there are.
    """
    ht = round_to_cents(total.ht * (taken.ttc + ttc) / total.ttc) - taken.ht
    return Amounts(ht=ht, vat=ttc - ht, ttc=ttc)


def sum_amounts(all_amounts: Iterable[Amounts]) -> Amounts:
    """Return the sum of the amounts."""
    ht = vat = Decimal("0.00")
    for one in all_amounts:
        ht += one.ht
        vat += one.vat
    return Amounts(ht=ht, vat=vat, ttc=ht + vat)


def subtract(total: Amounts, part: Amounts) -> Amounts:
    """Return what a part leaves of an amount."""
    return Amounts(ht=total.ht - part.ht, vat=total.vat - part.vat, ttc=total.ttc - part.ttc)


def total_by_rate(lines: Iterable[tuple[Decimal, Amounts]]) -> list[RateTotal]:
    """Return the totals of the lines (rate, amounts) grouped by rate, highest rate first."""
    rates: dict[Decimal, list[Amounts]] = {}
    for rate, amounts in lines:
        rates.setdefault(rate, []).append(amounts)
    return [RateTotal(rate, sum_amounts(rates[rate])) for rate in sorted(rates, reverse=True)]
