"""What became of the keys of some pools, week by week: activated, sent, reminded of."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db.models import Count, DateField, F, Q, Sum, Value
from django.db.models.functions import TruncWeek

from core.calendar import PARIS, end_of_day, start_of_day
from licensing.entitlements.queries import ends_in_school_year, get_last_days
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from mailing.models import Message

#: From the orders of June to the end of the next school year.
MAX_WEEKS = 60
_ACTIVATED = "activated"
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

    `MAX_WEEKS` at most, of the pools that are not over on `day`. Empty where nothing was sent or activated. One query.
    """
    this_week = _find_monday(day)
    is_over = Q(pool__entitlement__last_day__lt=day) | Q(pool__entitlement__cancelled_at__isnull=False)
    since = start_of_day(this_week - (MAX_WEEKS - 1) * _WEEK)
    return _fill_gaps(_read_counts(is_over, since=since, until=end_of_day(this_week + _TO_SUNDAY)), this_week)


def count_year_by_week(school_year: int, day: datetime.date) -> list[WeekCounts]:
    """Return such weeks of the pools of a school year, up to `day`, which is counted, and from their first on."""
    is_other = ~ends_in_school_year(school_year, "pool__entitlement") | Q(pool__entitlement__cancelled_at__isnull=False)
    since = start_of_day(get_last_days(school_year)[0] - _SOLD_BEFORE)
    return _fill_gaps(_read_counts(is_other, since=since, until=end_of_day(day)), _find_monday(day))


def _find_monday(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(days=day.weekday())


def _read_counts(
    is_left_out: Q, *, since: datetime.datetime, until: datetime.datetime
) -> dict[datetime.date, WeekCounts]:
    """Read the counts of the pools but those under a condition of their allocations."""
    counted, left_out = Allocation.objects.exclude(is_left_out), Allocation.objects.filter(is_left_out)
    activated = (
        # The keys of these entitlements, by their index: without it, all keys of the country are read.
        counted.filter(key__entitlement=F("pool__entitlement"), key__redeemed_at__gte=since, key__redeemed_at__lt=until)
        .annotate(week=TruncWeek("key__redeemed_at", output_field=DateField(), tzinfo=PARIS), what=Value(_ACTIVATED))
        .values_list("week", "what")
        .annotate(count=Count("pk"), licences=Sum("units"))
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
        .annotate(count=Count("pk"), licences=Value(0))
    )
    counts: dict[datetime.date, WeekCounts] = {}
    for week, what, count, licences in activated.union(emails, all=True):
        known = counts.get(week, WeekCounts(week))
        if what == _ACTIVATED:
            counts[week] = known._replace(activated=count, licences=licences)
        elif what == MessageKind.KEY:
            counts[week] = known._replace(sent=count)
        else:
            counts[week] = known._replace(reminded=count)
    return counts


def _fill_gaps(counts: dict[datetime.date, WeekCounts], last: datetime.date) -> list[WeekCounts]:
    """Return the weeks from the first of the counts to the last; none where there are no counts."""
    weeks = []
    week = min(counts, default=last + _WEEK)
    while week <= last:
        weeks.append(counts.get(week, WeekCounts(week)))
        week += _WEEK
    return weeks
