"""Split of an amount received by the VAT rates of what it pays. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from core.money import CENT, round_to_cents


def split_by_rate(amount: Decimal, totals: Mapping[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    """Return the amount in proportion to the totals with VAT by rate, in euros; its parts add up to it exactly.

    What goes back is split as what came. Raises `ValueError` where the totals are not positive, or for a fraction of a
    cent.
    """
    whole_total = sum(totals.values(), Decimal(0))
    if whole_total <= 0 or amount != amount.quantize(CENT):
        raise ValueError("Nothing to split by, or a fraction of a cent.")
    parts: dict[Decimal, Decimal] = {}
    shared, counted = Decimal(0), Decimal(0)
    for rate, total in sorted(totals.items()):
        # By what is reached so far: the roundings cancel out, and the last part is exact.
        counted += total
        reached = round_to_cents(abs(amount) * counted / whole_total)
        parts[rate] = (reached - shared).copy_sign(amount)
        shared = reached
    return {rate: part for rate, part in parts.items() if part}
