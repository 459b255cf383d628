"""What became of the keys of some pools, week by week: activated, sent, reminded of."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db.models import Count, DateField, QuerySet, Sum
from django.db.models.functions import TruncWeek

from core.calendar import PARIS, end_of_day, start_of_day
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.entitlements.office_keys import list_entitlements
from licensing.entitlements.queries import ends_in_school_year, get_last_days
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from mailing.models import Message

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
    # A key says its pool and its licences as its allocation does.
    activated = (
        ActivationKey.objects.filter(entitlement__in=of_these, redeemed_at__gte=since, redeemed_at__lt=until)
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
