"""What became of the keys of running pools, week by week: activated, sent, reminded of."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, DateField, F, Q, Sum, Value
from django.db.models.functions import TruncWeek

from core.calendar import PARIS, start_of_day
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from mailing.models import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

#: From the orders of June to the end of the next school year.
MAX_WEEKS = 60
_ACTIVATED = "activated"
_WEEK = datetime.timedelta(days=7)


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
    counts = _read_counts(since=start_of_day(this_week - (MAX_WEEKS - 1) * _WEEK), day=day)
    return list(_fill_gaps(counts, this_week)) if counts else []


def _find_monday(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(days=day.weekday())


def _read_counts(*, since: datetime.datetime, day: datetime.date) -> dict[datetime.date, WeekCounts]:
    is_over = Q(pool__entitlement__last_day__lt=day) | Q(pool__entitlement__cancelled_at__isnull=False)
    running, over = Allocation.objects.exclude(is_over), Allocation.objects.filter(is_over)
    activated = (
        # The keys of these entitlements, by their index: without it, all keys of the country are read.
        running.filter(key__entitlement=F("pool__entitlement"), key__redeemed_at__gte=since)
        .annotate(week=TruncWeek("key__redeemed_at", output_field=DateField(), tzinfo=PARIS), what=Value(_ACTIVATED))
        .values_list("week", "what")
        .annotate(count=Count("pk"), licences=Sum("units"))
    )
    emails = (
        Message.objects.filter(
            sent_at__gte=since,
            topic=ALLOCATION_TOPIC,
            kind__in=(MessageKind.KEY, MessageKind.REMINDER),
        )
        # Those that are over are few: with those that run, each message would be compared with all.
        .exclude(topic_id__in=over.values("pk"))
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


def _fill_gaps(counts: dict[datetime.date, WeekCounts], last: datetime.date) -> Iterator[WeekCounts]:
    week = min(counts)
    while week <= last:
        yield counts.get(week, WeekCounts(week))
        week += _WEEK
