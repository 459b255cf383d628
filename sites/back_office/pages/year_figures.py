"""« L'année, par collectivité »: licences sold, used and bought again, sorted by any column; and as a workbook."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import connection

from core.calendar import end_of_day
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import NET_SEATS_SQL, get_last_days, get_school_year
from licensing.orders.models import ZERO, OrderKind, OrderLine
from licensing.orders.queries import SOLD_STATES, compute_price
from tenants.models import Collectivity

# Keys, seats and their movements stand in the public schema: no collectivity's own is visited.
_USES_SQL = f"""
WITH given AS (
    SELECT entitlement.collectivity_id, key.id, key.units, coalesce(key.redeemed_at < %(until)s, FALSE) AS redeemed
    FROM public.entitlements_entitlement AS entitlement
    JOIN public.entitlements_activationkey AS key
        ON key.entitlement_id = entitlement.id AND key.issued_at < %(until)s
        AND (key.revoked_at IS NULL OR key.revoked_at >= %(until)s)
    WHERE entitlement.collectivity_id IS NOT NULL AND entitlement.cancelled_at IS NULL
        AND entitlement.last_day > %(before)s AND entitlement.last_day <= %(last)s
),
held AS (
    SELECT given.id, {NET_SEATS_SQL} AS seats
    FROM given
    JOIN public.entitlements_subscription AS subscription ON subscription.key_id = given.id
    JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
    JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id AND event.at < %(until)s
    GROUP BY given.id
)
SELECT
    given.collectivity_id,
    sum(given.units)::bigint,
    coalesce(sum(given.units) FILTER (WHERE given.redeemed), 0)::bigint,
    coalesce(sum(held.seats), 0)::bigint
FROM given
LEFT JOIN held ON held.id = given.id
GROUP BY given.collectivity_id
"""  # noqa: S608 - a constant, and parameters


@dataclass(slots=True)
class CollectivityYear:
    """A collectivity and its licences of a school year; amounts in euros, without VAT."""

    collectivity: Collectivity | None = None
    #: Of orders that stand, without those that credit notes took back.
    sold: int = 0
    price_ht: Decimal = field(default=ZERO)
    granted: int = 0
    given: int = 0
    redeemed: int = 0
    used: int = 0
    #: Of the year before, and of the year to come.
    sold_before: int = 0
    sold_after: int = 0

    @property
    def name(self) -> str:
        return self.collectivity.name if self.collectivity else ""

    @property
    def used_part(self) -> float:
        """The part of the licences given that is used, from 0 to 1."""
        return self.used / self.given if self.given else 0.0

    @property
    def change(self) -> int:
        """Licences sold more than for the year before; negative for fewer."""
        return self.sold - self.sold_before


def list_sold_years() -> list[int]:
    """Return the school years of the licences of collectivities, the latest first. One query."""
    granted = Entitlement.objects.filter(collectivity__isnull=False, cancelled_at=None)
    days = granted.order_by().values_list("last_day", flat=True).distinct()
    return sorted({get_school_year(day) for day in days}, reverse=True)


def compute_year(year: int, day: datetime.date) -> list[CollectivityYear]:
    """Return each collectivity that has licences of a school year, of the one before or of the next, by name.

    What is given and used: as on the day, or as on the last of the year. Three queries.
    """
    before, last = get_last_days(year)
    found: dict[int, CollectivityYear] = defaultdict(CollectivityYear)
    _add_sales(found, year)
    with connection.cursor() as cursor:
        cursor.execute(_USES_SQL, {"before": before, "last": last, "until": end_of_day(min(day, last))})
        for collectivity_id, given, redeemed, used in cursor.fetchall():
            row = found[collectivity_id]
            row.given, row.redeemed, row.used = given, redeemed, used
    collectivities = Collectivity.objects.in_bulk(list(found))
    for collectivity_id, row in found.items():
        row.collectivity = collectivities[collectivity_id]
    return sorted(found.values(), key=lambda row: (row.name.casefold(), row.collectivity and row.collectivity.pk))


def _add_sales(found: dict[int, CollectivityYear], year: int) -> None:
    """Add what was sold for the three years, and granted for the middle one."""
    first, last = get_last_days(year - 1)[0], get_last_days(year + 1)[1]
    lines = OrderLine.objects.filter(
        order__collectivity__isnull=False,
        entitlement__cancelled_at=None,
        entitlement__last_day__gt=first,
        entitlement__last_day__lte=last,
    ).select_related("order", "entitlement")
    for line in lines:
        if line.order.collectivity_id is None or line.entitlement is None:
            continue
        row, counted = found[line.order.collectivity_id], get_school_year(line.entitlement.last_day)
        if line.order.kind == OrderKind.GRANT:
            row.granted += line.remaining if counted == year else 0
        elif line.order.state in SOLD_STATES:
            _add_sale(row, line, counted - year)


def _add_sale(row: CollectivityYear, line: OrderLine, years_later: int) -> None:
    if years_later < 0:
        row.sold_before += line.remaining
    elif years_later > 0:
        row.sold_after += line.remaining
    else:
        row.sold += line.remaining
        row.price_ht += compute_price(line).ht


def add_up_years(rows: Iterable[CollectivityYear]) -> CollectivityYear:
    """Return the sums over collectivities."""
    total = CollectivityYear()
    for row in rows:
        for name in ("sold", "price_ht", "granted", "given", "redeemed", "used", "sold_before", "sold_after"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return total
