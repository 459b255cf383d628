"""Where the licences of each pool are: free, with schools, activated, used."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from licensing.entitlements.models import Entitlement
from licensing.entitlements.order_review import find_orders_under_review

if TYPE_CHECKING:
    import datetime


class PoolPosition(NamedTuple):
    """Where the licences of a pool are: bought = free + issued + redeemed_free + held."""

    pool_id: int
    name: str
    bought: int
    free: int
    issued: int
    redeemed_free: int
    held: int
    opened_at: datetime.datetime
    first_day: datetime.date
    last_day: datetime.date
    provisional_until: datetime.date | None
    unpaid_until: datetime.date | None
    suspended_at: datetime.datetime | None
    suspension_cause: str
    cancelled_at: datetime.datetime | None
    order_number: int
    #: Ordered by the collectivity, which has a page for the order; otherwise a grant of the operator.
    is_purchase: bool
    #: Number of schools with licences, and of those that redeemed their key.
    schools: int
    redeemed_schools: int
    #: The signed purchase order was received, and is being checked.
    under_review: bool = False

    @property
    def is_balanced(self) -> bool:
        """Whether the parts sum to the licences bought."""
        return self.bought == self.free + self.issued + self.redeemed_free + self.held

    @property
    def entitlement(self) -> Entitlement:
        """An unsaved entitlement with the columns read, for its status rules."""
        return Entitlement(
            first_day=self.first_day,
            last_day=self.last_day,
            provisional_until=self.provisional_until,
            unpaid_until=self.unpaid_until,
            suspended_at=self.suspended_at,
            suspension_cause=self.suspension_cause,
            cancelled_at=self.cancelled_at,
        )


# Keys are found by their order first: from the allocations alone, all keys of the country are read.
ALLOCATED_SQL = """
SELECT
    allocation.id,
    allocation.pool_id,
    allocation.units,
    key.redeemed_at,
    coalesce(subscription.size - held.seats, 0) AS redeemed_free,
    coalesce(held.seats, 0) AS held
FROM pools_pool AS pool
JOIN public.entitlements_activationkey AS key ON key.entitlement_id = pool.entitlement_id
JOIN pools_allocation AS allocation
    ON allocation.key_id = key.id AND allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
LEFT JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
LEFT JOIN LATERAL (
    SELECT count(*) AS seats
    FROM public.entitlements_seat AS seat
    WHERE seat.subscription_id = subscription.id AND seat.holder_id IS NOT NULL
) AS held ON subscription.id IS NOT NULL
"""

#: One row per pool, with the columns of `PoolPosition` but the last; `allocated` has the rows of `ALLOCATED_SQL`.
POSITIONS_SQL = """
SELECT
    pool.id,
    pool.name,
    pool.capacity,
    pool.capacity - pool.allocated,
    coalesce(sum(allocated.units) FILTER (WHERE allocated.redeemed_at IS NULL), 0)::bigint,
    coalesce(sum(allocated.redeemed_free), 0)::bigint,
    coalesce(sum(allocated.held), 0)::bigint,
    pool.opened_at,
    entitlement.first_day,
    entitlement.last_day,
    entitlement.provisional_until,
    entitlement.unpaid_until,
    entitlement.suspended_at,
    entitlement.suspension_cause,
    entitlement.cancelled_at,
    entitlement.number,
    entitlement.kind = 'purchase',
    count(allocated.id) FILTER (WHERE allocated.units > 0),
    count(allocated.redeemed_at) FILTER (WHERE allocated.units > 0)
FROM pools_pool AS pool
JOIN public.entitlements_entitlement AS entitlement ON entitlement.id = pool.entitlement_id
LEFT JOIN allocated ON allocated.pool_id = pool.id
GROUP BY pool.id, entitlement.id
ORDER BY pool.opened_at DESC, pool.id DESC
"""


def list_pool_positions() -> list[PoolPosition]:
    """Return the position of every pool of the collectivity, the latest first. One query, two where one is unpaid."""
    with connection.cursor() as cursor:
        cursor.execute(f"WITH allocated AS ({ALLOCATED_SQL}) {POSITIONS_SQL}")
        return mark_reviewed([PoolPosition(*row) for row in cursor.fetchall()])


def mark_reviewed(positions: list[PoolPosition]) -> list[PoolPosition]:
    """Return the positions with `under_review`. One query at most: none where all are paid for."""
    unpaid = [one.order_number for one in positions if one.is_purchase and (one.provisional_until or one.unpaid_until)]
    reviewed = find_orders_under_review(unpaid)
    return [one._replace(under_review=True) if one.order_number in reviewed else one for one in positions]
