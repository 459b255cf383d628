"""What became of the licences of a school year: by day, by week, and what each school holds and uses of them.

How many seats are held today stands beside the allocations; the movements of seats say it of any day.
"""

import datetime
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db.models import Count, DateField, Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone

from collectivities.models import PortfolioSchool
from core.calendar import PARIS, date_in_paris, end_of_day, start_of_day
from core.connections import connection
from core.schemas import PublicRows
from licensing.entitlements.models import Entitlement
from licensing.entitlements.office_keys import ENTITLEMENTS, find_entitlements, list_entitlements
from licensing.entitlements.queries import NET_SEATS_SQL, ends_in_school_year, get_last_days, get_school_year
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from licensing.pools.queries import filter_unreached
from mailing.models import LOST, Message, MessageState


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
WITH {ENTITLEMENTS.cte},
given AS (
    SELECT
        allocation.id,
        allocation.school_id,
        allocation.units,
        allocation.held,
        allocation.redeemed_at IS NOT NULL AS redeemed,
        allocation.redeemed_at IS NULL AND entitlement.suspended_at IS NULL
            AND (entitlement.provisional_until IS NULL OR entitlement.provisional_until >= %(day)s) AS dormant
    FROM pools_allocation AS allocation
    JOIN pools_pool AS pool ON pool.id = allocation.pool_id
    JOIN entitlement ON entitlement.id = pool.entitlement_id
    WHERE allocation.revoked_at IS NULL AND allocation.units > 0
        AND entitlement.last_day = %(last_day)s
        AND entitlement.cancelled_at IS NULL
        AND (%(schools)s::text[] IS NULL OR allocation.school_id = ANY(%(schools)s))
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


def list_school_holdings(
    *, last_day: datetime.date, day: datetime.date, among: Collection[str] | None = None
) -> dict[str, SchoolHolding]:
    """Return by UAI what each school that has any licence valid until `last_day` holds on `day`. Two queries.

    `among`: the UAIs of the schools to read; all by default. Suspended pools count, cancelled orders do not.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _HOLDINGS_SQL,
            {
                **ENTITLEMENTS.read(),
                "last_day": last_day,
                "day": day,
                "schools": None if among is None else list(among),
                "lost": [state.value for state in LOST],
                "topic": ALLOCATION_TOPIC,
                "key": MessageKind.KEY.value,
                "reminder": MessageKind.REMINDER.value,
            },
        )
        return {row[0]: SchoolHolding._make(row[1:]) for row in cursor.fetchall()}


class YearAllocations(NamedTuple):
    """The allocations that `list_school_holdings` adds up, unordered, for conditions on their schools."""

    served: QuerySet[Allocation]
    #: Of these: whose key waits to be redeemed, and whose last letter about it was lost.
    dormant: QuerySet[Allocation]
    unreached: QuerySet[Allocation]


def find_year_allocations(*, last_day: datetime.date | None, day: datetime.date) -> YearAllocations:
    """Return the allocations valid until `last_day` as they are on `day`; none without such a day.

    One query before theirs.
    """
    ending = list(list_entitlements().filter(last_day=last_day, cancelled_at=None)) if last_day else []
    served = Allocation.objects.served().filter(pool__entitlement__in=[one.pk for one in ending])
    available = [one.pk for one in ending if one.available_on(day)]
    dormant = served.filter(redeemed_at=None, pool__entitlement__in=available)
    return YearAllocations(served, dormant, filter_unreached(dormant))


def get_last_letter(kind: MessageKind) -> Subquery:
    """Return when the last letter of a kind about an allocation left, as an expression on allocations."""
    letters = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=OuterRef("pk"), kind=kind)
    sent = letters.exclude(state=MessageState.CANCELLED).order_by().values("topic_id")
    return Subquery(sent.annotate(last=Max("sent_at")).values("last"))


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


#: From the orders of June to the end of the next school year.
MAX_WEEKS = 60
_WEEK, _TO_SUNDAY = datetime.timedelta(days=7), datetime.timedelta(days=6)
#: How long before its school year a licence may be sold, and more.
_SOLD_BEFORE = datetime.timedelta(days=366)


class WeekCounts(NamedTuple):
    """The counts of one week, Monday to Sunday in Paris."""

    monday: datetime.date
    activated: int = 0
    #: Of the keys activated.
    licences: int = 0
    sent: int = 0
    reminded: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened."""
        return not (self.activated or self.sent or self.reminded)


def count_by_week(day: datetime.date) -> list[WeekCounts]:
    """Return the weeks from the first with an activation or a sending to the week of `day`, without a gap.

    `MAX_WEEKS` at most, of the pools that are not over on `day`. Empty where nothing was sent or activated.
    Three queries.
    """
    this_week = _find_monday(day)
    running = list_entitlements().filter(last_day__gte=day, cancelled_at=None)
    since = start_of_day(this_week - (MAX_WEEKS - 1) * _WEEK)
    return _fill_gaps(_read_counts(running, since=since, until=end_of_day(this_week + _TO_SUNDAY)), this_week)


def count_year_by_week(school_year: int, day: datetime.date) -> list[WeekCounts]:
    """Return such weeks of the pools of a school year, up to `day`, which is counted, and from their first on."""
    of_year = list_entitlements().filter(ends_in_school_year(school_year), cancelled_at=None)
    since = start_of_day(get_last_days(school_year)[0] - _SOLD_BEFORE)
    return _fill_gaps(_read_counts(of_year, since=since, until=end_of_day(day)), _find_monday(day))


def _find_monday(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(days=day.weekday())


def _read_counts(
    entitlements: QuerySet[Entitlement], *, since: datetime.datetime, until: datetime.datetime
) -> dict[datetime.date, WeekCounts]:
    """Read the counts of the pools of these entitlements. Three queries."""
    of_these = list(entitlements.order_by().values_list("pk", flat=True))
    left_out = Allocation.objects.exclude(pool__entitlement__in=of_these)
    activated = (
        Allocation.objects.filter(pool__entitlement__in=of_these, redeemed_at__gte=since, redeemed_at__lt=until)
        .order_by()
        .annotate(week=TruncWeek("redeemed_at", output_field=DateField(), tzinfo=PARIS))
        .values_list("week")
        .annotate(Count("pk"), Sum("units"))
    )
    emails = (
        Message.objects.filter(
            sent_at__gte=since,
            sent_at__lt=until,
            topic=ALLOCATION_TOPIC,
            kind__in=(MessageKind.KEY, MessageKind.REMINDER),
        )
        # Those left out are few: with the others, each message would be compared with all.
        .exclude(topic_id__in=left_out.values("pk"))
        .annotate(week=TruncWeek("sent_at", output_field=DateField(), tzinfo=PARIS))
        .values_list("week", "kind")
        .annotate(Count("pk"))
        .order_by()
    )
    counts = {week: WeekCounts(week, activated=count, licences=units) for week, count, units in activated}
    for week, kind, count in emails:
        known = counts.get(week, WeekCounts(week))
        counts[week] = known._replace(sent=count) if kind == MessageKind.KEY else known._replace(reminded=count)
    return counts


def _fill_gaps(counts: dict[datetime.date, WeekCounts], last: datetime.date) -> list[WeekCounts]:
    """Return the weeks from the first of the counts to the last; none where there are no counts."""
    weeks = []
    week = min(counts, default=last + _WEEK)
    while week <= last:
        weeks.append(counts.get(week, WeekCounts(week)))
        week += _WEEK
    return weeks


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
    unnest(%(before)s::date[], %(last)s::date[], %(until)s::timestamptz[], %(is_now)s::boolean[])
    WITH ORDINALITY AS counted (before, last, until, is_now, number)
"""
#: With the keys of the office's pools of each year; ends in a condition of its last join.
_KEYS = f"""
    {_DAYS}
    JOIN public.entitlements_entitlement AS entitlement
        ON entitlement.last_day > counted.before AND entitlement.last_day <= counted.last
        AND entitlement.cancelled_at IS NULL
    JOIN public.tenants_collectivity AS collectivity
        ON collectivity.id = entitlement.collectivity_id AND collectivity.schema_name = %(schema)s
    JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id"""
#: The seats that teachers held on each day that is past; today's stand beside the allocations.
_USED = PublicRows(
    "used",
    {"number": "bigint", "key_id": "bigint", "seats": "bigint"},
    f"""
    SELECT counted.number, key.id, held.seats
    FROM {_KEYS} AND key.redeemed_at < counted.until AND NOT counted.is_now
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
#
# A row for each use that schools have of a day's licences, with how many have it: of 60,000 schools, some tens. Then of
# the first day the schools with the most classes; and the one with the fewest licences, but as many as are asked for.
_USES_SQL = f"""
WITH {ENTITLEMENTS.cte}, {_USED.cte},
served AS (
    SELECT
        counted.number,
        allocation.school_id,
        sum(allocation.units)::bigint AS given,
        coalesce(sum(allocation.units) FILTER (WHERE allocation.redeemed_at < counted.until), 0)::bigint AS redeemed,
        coalesce(sum(CASE WHEN counted.is_now THEN allocation.held ELSE used.seats END), 0)::bigint AS held
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
),
-- As many as are asked for, and one: the group of those that are not named may take one in.
listed AS (
    SELECT * FROM served WHERE number = 1 AND given >= %(least)s
    ORDER BY held DESC, given DESC, school_id LIMIT %(limit)s::bigint + 1
),
smallest AS (SELECT * FROM served WHERE number = 1 AND given >= %(least)s ORDER BY given, school_id LIMIT 1)
SELECT 'use', number, given, redeemed, held, count(*), '' FROM served GROUP BY number, given, redeemed, held
UNION ALL
SELECT 'listed', number, given, redeemed, held, 1, school_id FROM listed
UNION ALL
SELECT 'smallest', number, given, redeemed, held, 1, school_id FROM smallest
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
FROM {_KEYS}
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


class YearUses(NamedTuple):
    """What the schools had of the licences of some years by a day of each."""

    #: For each day: how many schools had the same. Those without licences are left out.
    counts: list[Counter[YearUse]]
    #: Of the first day, the schools with so many licences or more: UAI and use, those that used the most first.
    first: list[tuple[str, YearUse]]
    #: The one of them with the fewest licences, if any.
    smallest: tuple[str, YearUse] | None


def read_uses(days: Sequence[YearDay], *, least: int, limit: int | None) -> YearUses:
    """Return what the schools had of each year by its day.

    `least`: from how many licences on schools are listed, those of the first day; `limit`: how many of them, and one;
    None for all. Three queries.
    """
    parameters = _build_parameters(days) | {"least": least, "limit": limit}
    uses = YearUses([Counter() for _ in days], [], None)
    for kind, number, given, redeemed, used, count, uai in _fetch(
        _USES_SQL, parameters | ENTITLEMENTS.read() | _USED.read(parameters)
    ):
        use = YearUse(given, redeemed, used)
        if kind == "use":
            uses.counts[number - 1][use] = count
        elif kind == "listed":
            uses.first.append((uai, use))
        else:
            uses = uses._replace(smallest=(uai, use))
    # PostgreSQL says nothing of the order of a UNION.
    uses.first.sort(key=lambda entry: (-entry[1].used, -entry[1].given, entry[0]))
    return uses


def read_seats_by_week(counted: YearDay) -> dict[datetime.date, int]:
    """Return by Monday how many more seats were held at the end of a week than before it. One query."""
    return dict(_fetch(_SEATS_SQL, _build_parameters([counted]) | {"schema": connection.schema_name}))


def _build_parameters(days: Sequence[YearDay]) -> dict[str, Any]:
    bounds, today = [get_last_days(one.year) for one in days], date_in_paris(timezone.now())
    return {
        "is_now": [one.day >= today for one in days],
        "before": [before for before, _ in bounds],
        "last": [last for _, last in bounds],
        "until": [end_of_day(one.day) for one in days],
    }


def _fetch(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
