"""What became of the licences of a school year by a day: bought, given, activated, used; also of a year that is over.

Who holds a seat is said by the seat today alone; the movements of seats say it of any day.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.calendar import end_of_day
from core.connections import connection
from core.schemas import PublicRows
from licensing.entitlements.office_keys import ENTITLEMENTS, list_entitlements
from licensing.entitlements.queries import get_last_days, get_school_year
from licensing.entitlements.seat_movements import NET_SEATS_SQL


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
#: The keys that were redeemed by each day, and the seats that teachers held then.
_USED = PublicRows(
    "used",
    {"number": "bigint", "key_id": "bigint", "seats": "bigint"},
    f"""
    SELECT counted.number, key.id, held.seats
    FROM {_DAYS}
    JOIN public.entitlements_entitlement AS entitlement
        ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
        AND entitlement.cancelled_at IS NULL
    JOIN public.tenants_collectivity AS collectivity
        ON collectivity.id = entitlement.collectivity_id AND collectivity.schema_name = %(schema)s
    JOIN public.entitlements_activationkey AS key
        ON key.entitlement_id = entitlement.id AND key.redeemed_at < counted.until
    CROSS JOIN LATERAL (
        SELECT {NET_SEATS_SQL} AS seats
        FROM public.entitlements_subscription AS subscription
        JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
        JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id AND event.at < counted.until
        WHERE subscription.key_id = key.id
    ) AS held
    """,  # noqa: S608 - constants, and parameters
)
# Volumes are today's: what a key was worth before it grew stands nowhere but in the journal's sentences.
_USES_SQL = f"""
WITH {ENTITLEMENTS.cte}, {_USED.cte}
SELECT
    counted.number,
    allocation.school_id,
    sum(allocation.units)::bigint,
    coalesce(sum(allocation.units) FILTER (WHERE used.key_id IS NOT NULL), 0)::bigint,
    coalesce(sum(used.seats), 0)::bigint
FROM {_DAYS}
JOIN entitlement
    ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
    AND entitlement.cancelled_at IS NULL
JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id
JOIN pools_allocation AS allocation
    ON allocation.pool_id = pool.id AND allocation.created_at < counted.until
    AND (allocation.revoked_at IS NULL OR allocation.revoked_at >= counted.until)
    -- Who gave all back has none.
    AND allocation.units > 0
LEFT JOIN used ON used.number = counted.number AND used.key_id = allocation.key_id
GROUP BY counted.number, allocation.school_id
"""  # noqa: S608 - constants, and parameters
_PURCHASES_SQL = f"""
WITH {ENTITLEMENTS.cte}
SELECT
    counted.number,
    sum(pool.capacity)::bigint,
    coalesce(sum(pool.capacity) FILTER (WHERE entitlement.kind = 'grant'), 0)::bigint
FROM {_DAYS}
JOIN entitlement
    ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
    AND entitlement.cancelled_at IS NULL
JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id AND pool.opened_at < counted.until
GROUP BY counted.number
"""  # noqa: S608 - constants, and parameters
# Of redeemed keys, which are never revoked: the public schema alone knows.
_SEATS_SQL = f"""
SELECT date_trunc('week', event.at AT TIME ZONE 'Europe/Paris')::date, {NET_SEATS_SQL}
FROM {_DAYS}
JOIN public.entitlements_entitlement AS entitlement
    ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
    AND entitlement.cancelled_at IS NULL
JOIN public.tenants_collectivity AS collectivity
    ON collectivity.id = entitlement.collectivity_id AND collectivity.schema_name = %(schema)s
JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id AND event.at < counted.until
GROUP BY 1
"""  # noqa: S608 - constants, and parameters


def list_bought_years() -> list[int]:
    """Return the school years of the collectivity's licences, the latest first; cancelled orders do not count."""
    days = list_entitlements().filter(cancelled_at=None).order_by().values_list("last_day", flat=True).distinct()
    return sorted({get_school_year(day) for day in days}, reverse=True)


def read_purchases(days: Sequence[YearDay]) -> list[YearPurchase]:
    """Return the licences bought of each year by its day. Two queries."""
    rows = _fetch(_PURCHASES_SQL, _build_parameters(days) | ENTITLEMENTS.read())
    found = {number: YearPurchase(*counts) for number, *counts in rows}
    return [found.get(number, YearPurchase()) for number in range(1, len(days) + 1)]


def read_uses(days: Sequence[YearDay]) -> list[dict[str, YearUse]]:
    """Return by UAI what the schools had of each year by its day; those without licences are left out.

    Three queries.
    """
    parameters = _build_parameters(days)
    found: list[dict[str, YearUse]] = [{} for _ in days]
    for number, uai, *counts in _fetch(_USES_SQL, parameters | ENTITLEMENTS.read() | _USED.read(parameters)):
        found[number - 1][uai] = YearUse(*counts)
    return found


def read_seats_by_week(counted: YearDay) -> dict[datetime.date, int]:
    """Return by Monday how many more seats were held at the end of a week than before it. One query."""
    return dict(_fetch(_SEATS_SQL, _build_parameters([counted]) | {"schema": connection.schema_name}))


def _build_parameters(days: Sequence[YearDay]) -> dict[str, Any]:
    bounds = [get_last_days(one.year) for one in days]
    return {
        "before": [before for before, _ in bounds],
        "last": [last for _, last in bounds],
        "until": [end_of_day(one.day) for one in days],
    }


def _fetch(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
