"""Where the licences of each pool are: free, with schools, activated, used."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from core.connections import connection
from licensing.entitlements.models import Entitlement
from licensing.entitlements.office_keys import ENTITLEMENTS, REDEEMED_KEYS
from licensing.entitlements.order_review import find_orders_under_review


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


#: Reads `REDEEMED_KEYS`.
ALLOCATED_SQL = """
SELECT
    allocation.id,
    allocation.pool_id,
    allocation.units,
    redeemed.redeemed_at,
    coalesce(redeemed.size - redeemed.held, 0) AS redeemed_free,
    coalesce(redeemed.held, 0) AS held
FROM pools_allocation AS allocation
LEFT JOIN redeemed ON redeemed.key_id = allocation.key_id
WHERE allocation.revoked_at IS NULL
"""

#: One row per pool, with the columns of `PoolPosition` but the last; `allocated` has the rows of `ALLOCATED_SQL`.
#: Reads `ENTITLEMENTS`.
POSITIONS_SQL = """
SELECT
    pool.id,
    pool.name,
    pool.capacity,
    pool.capacity - pool.allocated,
    coalesce(counted.issued, 0)::bigint,
    coalesce(counted.redeemed_free, 0)::bigint,
    coalesce(counted.held, 0)::bigint,
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
    coalesce(counted.schools, 0),
    coalesce(counted.redeemed_schools, 0)
FROM pools_pool AS pool
JOIN entitlement ON entitlement.id = pool.entitlement_id
LEFT JOIN (
    SELECT
        pool_id,
        sum(units) FILTER (WHERE redeemed_at IS NULL) AS issued,
        sum(redeemed_free) AS redeemed_free,
        sum(held) AS held,
        count(*) FILTER (WHERE units > 0) AS schools,
        count(redeemed_at) FILTER (WHERE units > 0) AS redeemed_schools
    FROM allocated
    GROUP BY pool_id
) AS counted ON counted.pool_id = pool.id
ORDER BY pool.opened_at DESC, pool.id DESC
"""
_POSITIONS = f"WITH {ENTITLEMENTS.cte}, {REDEEMED_KEYS.cte}, allocated AS ({ALLOCATED_SQL}) {POSITIONS_SQL}"


def list_pool_positions() -> list[PoolPosition]:
    """Return the position of every pool of the collectivity, the latest first.

    Three queries, four where one is unpaid.
    """
    public_rows = {**ENTITLEMENTS.read(), **REDEEMED_KEYS.read()}
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS, public_rows)
        return mark_reviewed([PoolPosition(*row) for row in cursor.fetchall()])


def mark_reviewed(positions: list[PoolPosition]) -> list[PoolPosition]:
    """Return the positions with `under_review`. One query at most: none where all are paid for."""
    unpaid = [one.order_number for one in positions if one.is_purchase and (one.provisional_until or one.unpaid_until)]
    reviewed = find_orders_under_review(unpaid)
    return [one._replace(under_review=True) if one.order_number in reviewed else one for one in positions]
