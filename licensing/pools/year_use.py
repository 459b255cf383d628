"""What became of the licences of a school year by a day: bought, given, activated, used; also of a year that is over.

Who holds a seat is said by the seat today alone; the movements of seats say it of any day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from core.calendar import end_of_day
from licensing.entitlements.queries import get_last_days, get_school_year
from licensing.entitlements.seat_movements import NET_SEATS_SQL
from licensing.pools.models import Pool

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence


class YearDay(NamedTuple):
    """A school year, by the year in which it ends, and the day up to which it is counted, inclusive."""

    year: int
    day: datetime.date


class YearPurchase(NamedTuple):
    """The licences of the pools of a school year that were open by a day, and those of them that were granted."""

    bought: int = 0
    granted: int = 0


class YearUse(NamedTuple):
    """Licences of one school or of several: given by a day, of keys redeemed by then, held by teachers then."""

    given: int = 0
    redeemed: int = 0
    used: int = 0


_DAYS = """
    unnest(%(before)s::date[], %(last)s::date[], %(until)s::timestamptz[])
    WITH ORDINALITY AS counted (before, last, until, number)
"""
# Volumes are today's: what a key was worth before it grew stands nowhere but in the journal's sentences.
_USES_SQL = f"""
WITH given AS (
    SELECT
        counted.number,
        counted.until,
        allocation.school_id,
        allocation.units,
        allocation.key_id,
        coalesce(key.redeemed_at < counted.until, FALSE) AS redeemed
    FROM {_DAYS}
    JOIN public.entitlements_entitlement AS entitlement
        ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
        AND entitlement.cancelled_at IS NULL
    JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id
    JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
    JOIN pools_allocation AS allocation
        ON allocation.key_id = key.id AND allocation.pool_id = pool.id AND allocation.created_at < counted.until
        AND (allocation.revoked_at IS NULL OR allocation.revoked_at >= counted.until)
        -- Who gave all back has none.
        AND allocation.units > 0
)
SELECT
    given.number,
    given.school_id,
    sum(given.units)::bigint,
    coalesce(sum(given.units) FILTER (WHERE given.redeemed), 0)::bigint,
    sum(held.seats)::bigint
FROM given
CROSS JOIN LATERAL (
    SELECT {NET_SEATS_SQL} AS seats
    FROM public.entitlements_subscription AS subscription
    JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
    JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id AND event.at < given.until
    WHERE given.redeemed AND subscription.key_id = given.key_id
) AS held
GROUP BY given.number, given.school_id
"""  # noqa: S608 - constants, and parameters
_PURCHASES_SQL = f"""
SELECT
    counted.number,
    sum(pool.capacity)::bigint,
    coalesce(sum(pool.capacity) FILTER (WHERE entitlement.kind = 'grant'), 0)::bigint
FROM {_DAYS}
JOIN public.entitlements_entitlement AS entitlement
    ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
    AND entitlement.cancelled_at IS NULL
JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id AND pool.opened_at < counted.until
GROUP BY counted.number
"""  # noqa: S608 - constants, and parameters
_SEATS_SQL = f"""
SELECT date_trunc('week', event.at AT TIME ZONE 'Europe/Paris')::date, {NET_SEATS_SQL}
FROM {_DAYS}
JOIN public.entitlements_entitlement AS entitlement
    ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
    AND entitlement.cancelled_at IS NULL
JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id
JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
JOIN pools_allocation AS allocation
    ON allocation.key_id = key.id AND allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id AND event.at < counted.until
GROUP BY 1
"""  # noqa: S608 - constants, and parameters


def list_bought_years() -> list[int]:
    """Return the school years of the collectivity's licences, the latest first; cancelled orders do not count."""
    pools = Pool.objects.filter(entitlement__cancelled_at=None)
    days = pools.order_by().values_list("entitlement__last_day", flat=True).distinct()
    return sorted({get_school_year(day) for day in days}, reverse=True)


def read_purchases(days: Sequence[YearDay]) -> list[YearPurchase]:
    """Return the licences bought of each year by its day. One query."""
    found = {number: YearPurchase(*counts) for number, *counts in _fetch(_PURCHASES_SQL, days)}
    return [found.get(number, YearPurchase()) for number in range(1, len(days) + 1)]


def read_uses(days: Sequence[YearDay]) -> list[dict[str, YearUse]]:
    """Return by UAI what the schools had of each year by its day; those without licences are left out. One query."""
    found: list[dict[str, YearUse]] = [{} for _ in days]
    for number, uai, *counts in _fetch(_USES_SQL, days):
        found[number - 1][uai] = YearUse(*counts)
    return found


def read_seats_by_week(counted: YearDay) -> dict[datetime.date, int]:
    """Return by Monday how many more seats were held at the end of a week than before it. One query."""
    return dict(_fetch(_SEATS_SQL, [counted]))


def _fetch(statement: str, days: Sequence[YearDay]) -> list[tuple[Any, ...]]:
    bounds = [get_last_days(one.year) for one in days]
    parameters: dict[str, list[Any]] = {
        "before": [before for before, _ in bounds],
        "last": [last for _, last in bounds],
        "until": [end_of_day(one.day) for one in days],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
