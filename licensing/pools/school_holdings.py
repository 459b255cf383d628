"""What each school of a collectivity holds, activated and uses of one school year; which hold nothing."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from collectivities.models import PortfolioSchool
from core.connections import connection
from licensing.entitlements.office_keys import ENTITLEMENTS, REDEEMED_KEYS, find_entitlements, list_entitlements
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from mailing.models import LOST


class SchoolHolding(NamedTuple):
    """Licences of a school, over its allocations of the year that were not revoked."""

    units: int = 0
    #: Those of redeemed keys, and those that a teacher holds.
    redeemed: int = 0
    used: int = 0
    #: Whether it has a key that it may redeem and has not redeemed.
    is_dormant: bool = False
    #: Whether such a key is `Situation.UNDELIVERED`: its last e-mail was lost, or none is left.
    is_unreached: bool = False
    #: When the key that waits longest was sent, and when its school was last reminded; None for never.
    sent_at: datetime.datetime | None = None
    reminded_at: datetime.datetime | None = None


_HOLDINGS_SQL = f"""
WITH {ENTITLEMENTS.cte}, {REDEEMED_KEYS.cte},
given AS (
    SELECT
        allocation.id,
        allocation.school_id,
        allocation.units,
        coalesce(redeemed.held, 0) AS held,
        redeemed.key_id IS NOT NULL AS redeemed,
        redeemed.key_id IS NULL AND entitlement.suspended_at IS NULL
            AND (entitlement.provisional_until IS NULL OR entitlement.provisional_until >= %(day)s) AS dormant
    FROM pools_allocation AS allocation
    JOIN pools_pool AS pool ON pool.id = allocation.pool_id
    JOIN entitlement ON entitlement.id = pool.entitlement_id
    LEFT JOIN redeemed ON redeemed.key_id = allocation.key_id
    WHERE allocation.revoked_at IS NULL AND allocation.units > 0
        AND entitlement.last_day = %(last_day)s
        AND entitlement.cancelled_at IS NULL
)
SELECT
    given.school_id,
    sum(given.units)::bigint,
    coalesce(sum(given.units) FILTER (WHERE given.redeemed), 0)::bigint,
    sum(given.held)::bigint,
    bool_or(given.dormant),
    bool_or(given.dormant AND letters.lost_id IS NOT DISTINCT FROM letters.last_id),
    min(letters.key_sent_at),
    max(letters.reminded_at)
FROM given
CROSS JOIN LATERAL (
    SELECT
        max(letter.id) AS last_id,
        max(letter.id) FILTER (WHERE letter.state = ANY(%(lost)s) OR letter.refusal = 'waiting') AS lost_id,
        max(letter.sent_at) FILTER (WHERE letter.kind = %(key)s) AS key_sent_at,
        max(letter.sent_at) FILTER (WHERE letter.kind = %(reminder)s) AS reminded_at
    FROM mailing_message AS letter
    WHERE given.dormant AND letter.topic = %(topic)s AND letter.topic_id = given.id AND letter.state != 'cancelled'
) AS letters
GROUP BY given.school_id
"""  # noqa: S608 - constants, and parameters


def list_school_holdings(*, last_day: datetime.date, day: datetime.date) -> dict[str, SchoolHolding]:
    """Return by UAI what each school that has any licence valid until `last_day` holds on `day`. Three queries.

    Suspended pools count, cancelled orders do not.
    """
    public_rows = {**ENTITLEMENTS.read(), **REDEEMED_KEYS.read()}
    with connection.cursor() as cursor:
        cursor.execute(
            _HOLDINGS_SQL,
            {
                **public_rows,
                "last_day": last_day,
                "day": day,
                "lost": [state.value for state in LOST],
                "topic": ALLOCATION_TOPIC,
                "key": MessageKind.KEY.value,
                "reminder": MessageKind.REMINDER.value,
            },
        )
        return {row[0]: SchoolHolding._make(row[1:]) for row in cursor.fetchall()}


def list_running_years(day: datetime.date) -> list[datetime.date]:
    """Return the last days of the licences that are not over on `day`, the earliest first: a school year each."""
    running = list_entitlements().filter(last_day__gte=day, cancelled_at=None)
    return list(running.order_by("last_day").values_list("last_day", flat=True).distinct())


def list_schools_without_licences(day: datetime.date) -> QuerySet[PortfolioSchool]:
    """Return the schools of the portfolio that hold no licence of a lot that still runs on a day, in no order.

    One query before theirs.
    """
    running = find_entitlements(Q(last_day__gte=day, cancelled_at=None))
    served = Allocation.objects.served().filter(school_id=OuterRef("school_id"), pool__entitlement__in=running)
    return PortfolioSchool.objects.filter(~Exists(served)).order_by()
