"""The figures of a school year of an office, those of the year before beside them, and what is said of them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from licensing.entitlements.queries import get_last_days, get_school_year
from licensing.pools.year_use import (
    WeekCounts,
    YearDay,
    YearPurchase,
    YearUse,
    count_year_by_week,
    list_bought_years,
    read_purchases,
    read_seats_by_week,
    read_uses,
)
from schools.models import School
from schools.wording import format_school_name
from sites.office.report.costs import UsedClassCost, read_price, share_price
from sites.office.report.threshold import GroupedSchools, SplitSchools, add_up, split_schools, tells_use

_WEEK = datetime.timedelta(days=7)


class ReportFigures(NamedTuple):
    """The licences of a school year by a day, and the schools that had some."""

    bought: int
    #: Of those bought: the operator's gifts.
    granted: int
    given: int
    redeemed: int
    #: None where so few were given that a class could be recognised.
    used: int | None
    schools: int


class SchoolsByUse(NamedTuple):
    """How many schools use all of their licences, some of them, none of a redeemed key, and have redeemed none."""

    all_used: int
    some_used: int
    none_used: int
    not_redeemed: int


class ReportedSchool(NamedTuple):
    """A school that the report names."""

    uai: str
    name: str
    commune: str
    use: YearUse


class ReportWeek(NamedTuple):
    """A week: what happened, and the licences redeemed and used by its end."""

    counts: WeekCounts
    redeemed: int
    used: int

    @property
    def monday(self) -> datetime.date:
        return self.counts.monday


@dataclass(frozen=True)
class YearReport:
    """A school year of an office, counted up to a day."""

    #: In which it ends.
    year: int
    day: datetime.date
    figures: ReportFigures
    #: At the end of the year before; None where nothing was bought for it.
    last_year: ReportFigures | None
    #: Of the year before, a year before `day`; None where this year is over.
    same_day: ReportFigures | None
    cost: UsedClassCost
    last_cost: UsedClassCost
    #: None where a class could be recognised.
    by_use: SchoolsByUse | None
    split: SplitSchools
    weeks: Sequence[ReportWeek]

    @property
    def label(self) -> str:
        """« 2026-2027 »."""
        return label_year(self.year)

    @property
    def last_label(self) -> str:
        """« 2025-2026 »."""
        return label_year(self.year - 1)

    @property
    def is_over(self) -> bool:
        """Whether it is counted up to its last day."""
        return self.day == get_last_days(self.year)[1]

    @property
    def grouped(self) -> GroupedSchools | None:
        return self.split.grouped

    @cached_property
    def schools(self) -> list[ReportedSchool]:
        """The schools that are named, those with the most classes first. One query."""
        return self.name_schools(len(self.split.named))

    def name_schools(self, count: int) -> list[ReportedSchool]:
        """Return the first of them. One query."""
        first = self.split.named[:count]
        rows = School.objects.filter(uai__in_array=[uai for uai, _ in first]).values_list("uai", "name", "commune")
        found = {uai: (format_school_name(name), commune) for uai, name, commune in rows}
        return [ReportedSchool(uai, *found[uai], use) for uai, use in first]

    def add_up_named(self, skipped: int) -> YearUse:
        """Return what the schools that are named have together, but the first of them."""
        return add_up(use for _, use in self.split.named[skipped:])


def label_year(year: int) -> str:
    """Return « 2026-2027 » for the school year that ends in 2027."""
    return f"{year - 1}-{year}"


def choose_year(years: Sequence[int], day: datetime.date) -> int | None:
    """Return the school year to show: that of the day, else the latest one before, else the next to come."""
    running = get_school_year(day)
    return max((year for year in years if year <= running), default=min(years, default=None))


def list_report_years() -> list[int]:
    """Return the school years that have a report, the latest first. One query."""
    return list_bought_years()


def read_report(year: int, day: datetime.date) -> YearReport:
    """Return the report of a school year as it is on a day, or was on its last. Six queries."""
    before, last = get_last_days(year)
    counted = YearDay(year, min(day, last))
    asked = [counted, YearDay(year - 1, min(day, before)), YearDay(year - 1, _find_same_day(counted.day, before))]
    purchases, uses = read_purchases(asked), read_uses(asked)
    figures, last_year, same_day = (_add_up(*one) for one in zip(purchases, uses, strict=True))
    has_last_year = bool(last_year.bought)
    hides_use = figures.used is None
    return YearReport(
        year=year,
        day=counted.day,
        figures=figures,
        last_year=last_year if has_last_year else None,
        same_day=same_day if has_last_year and counted.day < last else None,
        cost=share_price(read_price(year), figures.used),
        last_cost=share_price(read_price(year - 1), last_year.used),
        by_use=None if hides_use else _count_by_use(uses[0].values()),
        split=split_schools(uses[0]),
        weeks=[] if hides_use else _list_weeks(counted),
    )


def _find_same_day(day: datetime.date, last: datetime.date) -> datetime.date:
    """Return the day a year before, 28 February for 29; of a year to come, at most its last day."""
    try:
        return min(day.replace(year=day.year - 1), last)
    except ValueError:
        return min(day.replace(year=day.year - 1, day=28), last)


def _add_up(purchase: YearPurchase, uses: Mapping[str, YearUse]) -> ReportFigures:
    total = add_up(uses.values())
    return ReportFigures(
        bought=purchase.bought,
        granted=purchase.granted,
        given=total.given,
        redeemed=total.redeemed,
        used=total.used if tells_use(total) or not total.given else None,
        schools=len(uses),
    )


def _count_by_use(uses: Iterable[YearUse]) -> SchoolsByUse:
    all_used = some_used = none_used = not_redeemed = 0
    for one in uses:
        if not one.redeemed:
            not_redeemed += 1
        elif not one.used:
            none_used += 1
        elif one.used < one.given:
            some_used += 1
        else:
            all_used += 1
    return SchoolsByUse(all_used, some_used, none_used, not_redeemed)


def _list_weeks(counted: YearDay) -> list[ReportWeek]:
    """Return the weeks up to the day, from the first with a key sent or activated, or a seat taken. Two queries."""
    weeks, seats = count_year_by_week(counted.year, counted.day), read_seats_by_week(counted)
    # A seat is taken after its key was activated: no week of seats is before the first of keys.
    redeemed = accumulate(week.licences for week in weeks)
    used = accumulate(seats.get(week.monday, 0) for week in weeks)
    return [ReportWeek(*one) for one in zip(weeks, redeemed, used, strict=True)]
