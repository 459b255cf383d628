"""Orders whose signed purchase order is being checked: `orders`, a higher layer, knows them and declares how to ask.

Lots, orders and the home page of an office ask here, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from core.registry import Registry

type ReviewFinder = Callable[[Collection[int]], set[int]]


#: By app, who knows which of some order numbers are under review.
review_finders: Registry[ReviewFinder] = Registry("finder of orders under review")


def find_orders_under_review(numbers: Collection[int]) -> set[int]:
    """Return those of the order numbers whose signed purchase order was received and waits to be checked."""
    return {number for finder in review_finders.values() for number in finder(numbers)} if numbers else set()
