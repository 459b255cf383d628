"""The curve of a year: licences redeemed, and used, at the end of each week. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core import formatting
from licensing.pools.year_use import WeekCounts
from sites.office.report.year_report import ReportWeek
from sites.office.weeks import MIN_WEEKS, PLOT_SIZE, PlottedMonth, choose_scale_top, name_months

_WEEK = datetime.timedelta(days=7)


class ZonedWeek(NamedTuple):
    """A week of the drawing, which says its figures where the pointer rests."""

    #: Left edge, in percent of the width.
    left: str
    words: str


class ReportCurve(NamedTuple):
    """The two lines; places are parts of the width and of the height, from the upper left corner."""

    redeemed: list[tuple[float, float]]
    used: list[tuple[float, float]]
    zones: list[ZonedWeek]
    months: list[PlottedMonth]
    week_width: str
    #: Labels of the scale, the highest first.
    scale: tuple[int, int, int]
    description: str
    plot_size: int = PLOT_SIZE

    @property
    def redeemed_line(self) -> str:
        """Path of the line in a view box of `PLOT_SIZE`."""
        return _draw_path(self.redeemed)

    @property
    def used_line(self) -> str:
        return _draw_path(self.used)

    @property
    def used_area(self) -> str:
        """Path of the area below the line."""
        left, right = (f"{PLOT_SIZE * self.used[end][0]:.0f}" for end in (0, -1))
        return f"{self.used_line} {right} {PLOT_SIZE} {left} {PLOT_SIZE}Z"


def draw_report_curve(weeks: Sequence[ReportWeek]) -> ReportCurve:
    """Return the curve of some consecutive weeks, one at least; an empty week goes before, or several to few."""
    missing = range(max(1, MIN_WEEKS - len(weeks)), 0, -1)
    before = [ReportWeek(WeekCounts(weeks[0].monday - number * _WEEK), 0, 0) for number in missing]
    drawn = [*before, *weeks]
    top = choose_scale_top(max(week.redeemed for week in drawn))
    return ReportCurve(
        redeemed=_place_points((week.redeemed for week in drawn), len(drawn), top),
        used=_place_points((week.used for week in drawn), len(drawn), top),
        zones=[
            ZonedWeek(f"{100 * number / len(drawn):.2f}%", _describe_week(week)) for number, week in enumerate(drawn)
        ],
        months=name_months(drawn),
        week_width=f"{100 / len(drawn):.2f}%",
        scale=(top, top // 2, 0),
        description=_describe(weeks),
    )


def _place_points(counts: Iterable[int], weeks: int, top: int) -> list[tuple[float, float]]:
    return [((number + 0.5) / weeks, 1 - count / top) for number, count in enumerate(counts)]


def _draw_path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{PLOT_SIZE * x:.0f} {PLOT_SIZE * y:.0f}" for x, y in points)


def _describe_week(week: ReportWeek) -> str:
    sunday = week.monday + datetime.timedelta(days=6)
    words = f"Le {formatting.long_date(sunday)} : {_describe_counts(week)}."
    return formatting.add_nonbreaking_spaces(words)


def _describe(weeks: Sequence[ReportWeek]) -> str:
    since = formatting.long_date(weeks[0].monday)
    words = f"Courbe des licences depuis la semaine du {since} : à la fin, {_describe_counts(weeks[-1])}."
    return formatting.add_nonbreaking_spaces(f"{words} Le tableau qui suit dit la même chose.")


def _describe_counts(week: ReportWeek) -> str:
    redeemed = formatting.pluralize(week.redeemed, "licence activée", "licences activées")
    used = "1 utilisée" if week.used == 1 else f"{formatting.number(week.used)} utilisées"
    return f"{redeemed}, dont {used}"
