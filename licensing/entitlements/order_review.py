"""Orders whose signed purchase order is being checked: `orders`, a higher layer, knows them and registers how to ask.

Lots, orders and the home page of an office ask here, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

type ReviewFinder = Callable[[Collection[int]], set[int]]


_FINDERS: list[ReviewFinder] = []


def register(finder: ReviewFinder) -> None:
    """Register who knows which of some order numbers are under review."""
    _FINDERS.append(finder)


def find_orders_under_review(numbers: Collection[int]) -> set[int]:
    """Return those of the order numbers whose signed purchase order was received and waits to be checked."""
    return {number for finder in _FINDERS for number in finder(numbers)} if numbers else set()
