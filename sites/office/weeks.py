"""The weekly curve of activations, with the sendings and reminders below it."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, groupby, pairwise
from typing import NamedTuple, Protocol

from babel.dates import format_date

from core import formatting
from licensing.pools.year_use import WeekCounts, count_by_week

#: Columns of weeks for which an A4 sheet has room.
MAX_WEEK_COLUMNS = 12


class PrintedRow(NamedTuple):
    """One kind of event: its counts by column, and over all of them."""

    label: str
    counts: list[int]

    @property
    def total(self) -> int:
        """Return the sum of its counts."""
        return sum(self.counts)


class PrintedTable(NamedTuple):
    """The table below the printed curve."""

    caption: str
    #: « 7 sept. », or « sept. 2026 » where a column is a month.
    columns: list[str]
    rows: list[PrintedRow]


def build_printed_table(weeks: Iterable[WeekCounts]) -> PrintedTable:
    """Return the table of consecutive weeks, from the first in which something happened."""
    weeks = list(dropwhile(lambda week: week.is_empty, weeks))
    if len(weeks) <= MAX_WEEK_COLUMNS:
        caption = "Par semaine, nommée par son lundi"
        periods = [(format_date(week.monday, "d MMM", locale="fr"), [week]) for week in weeks]
    else:
        caption = "Par mois, celui du lundi de chaque semaine"
        periods = [
            (format_date(month, "MMM yyyy", locale="fr"), list(group)) for month, group in groupby(weeks, _find_month)
        ]
    groups = [group for _, group in periods]
    return PrintedTable(
        caption=caption,
        columns=[name for name, _ in periods],
        rows=[
            PrintedRow("Clés activées", [_add_up(group, "activated") for group in groups]),
            PrintedRow("Licences activées", [_add_up(group, "licences") for group in groups]),
            PrintedRow("Clés envoyées", [_add_up(group, "sent") for group in groups]),
            PrintedRow("Relances envoyées", [_add_up(group, "reminded") for group in groups]),
        ],
    )


def _find_month(week: WeekCounts) -> datetime.date:
    return week.monday.replace(day=1)


def _add_up(weeks: Sequence[WeekCounts], name: str) -> int:
    return sum(getattr(week, name) for week in weeks)


#: Side of the view box in which the line is drawn; the page stretches it.
PLOT_SIZE = 1000
#: A curve of fewer weeks would be a dot or a stroke: weeks before the first are added.
MIN_WEEKS = 8
#: Names of months that fit on a telephone; of more, every third stays there. Of large text, half of those.
_MONTHS_ON_TELEPHONE = 4
#: Beyond, in percent of the width, the name of a month would leave the drawing.
_LAST_MONTH_AT = 95
_WEEK, _TO_SUNDAY = datetime.timedelta(days=7), datetime.timedelta(days=6)


class DatedWeek(Protocol):
    """A week of a curve."""

    @property
    def monday(self) -> datetime.date:
        """Return its first day."""


class PlottedWeek(NamedTuple):
    """A week of the curve. Positions are percentages, as SVG writes them."""

    counts: WeekCounts
    #: Left edge and middle of the week, and height of its activations from the top.
    left: str
    middle: str
    top: str
    words: str


class PlottedMonth(NamedTuple):
    """The name of a month below the week in which it begins."""

    at: str
    name: str
    #: 0: always shown; 1: where there is the room of a telephone; 2: of a wide page.
    needed_room: int


class ActivationCurve(NamedTuple):
    """What the template draws, and what it says in words and in the table."""

    weeks: list[PlottedWeek]
    months: list[PlottedMonth]
    week_width: str
    #: Path of the line, in a view box of `PLOT_SIZE`, and of the area below it.
    line: str
    area: str
    #: Labels of the scale, the highest first.
    scale: tuple[int, int, int]
    summary: str
    description: str
    plot_size: int = PLOT_SIZE

    @property
    def rows(self) -> list[WeekCounts]:
        """Weeks in which something happened, the latest first."""
        return [week.counts for week in reversed(self.weeks) if not week.counts.is_empty]

    @property
    def printed(self) -> PrintedTable:
        """Return the figures as the printed page has them."""
        return build_printed_table(week.counts for week in self.weeks)


def get_weekly_curve(day: datetime.date) -> ActivationCurve | None:
    """Return the curve of the running pools up to the week of `day`; None where nothing was sent yet. One query."""
    counts = count_by_week(day)
    return draw_curve(counts) if counts else None


def draw_curve(counts: Sequence[WeekCounts]) -> ActivationCurve:
    """Return the curve of some consecutive weeks, one at least."""
    weeks = [*_list_weeks_before(counts), *counts]
    top = choose_scale_top(max(week.activated for week in weeks))
    points = [
        (_place(number + 0.5, len(weeks)), PLOT_SIZE - PLOT_SIZE * week.activated / top)
        for number, week in enumerate(weeks)
    ]
    drawn = points[-len(counts) :]  # nothing was there to redeem before
    line = "M" + " ".join(f"{x:.0f} {y:.0f}" for x, y in drawn)
    return ActivationCurve(
        weeks=[
            PlottedWeek(
                counts=week,
                left=_percent(_place(number, len(weeks))),
                middle=_percent(x),
                top=_percent(y),
                words=describe_week(week),
            )
            for number, (week, (x, y)) in enumerate(zip(weeks, points, strict=True))
        ],
        months=name_months(weeks),
        week_width=_percent(_place(1, len(weeks))),
        line=line,
        area=f"{line} {drawn[-1][0]:.0f} {PLOT_SIZE} {drawn[0][0]:.0f} {PLOT_SIZE}Z",
        scale=(top, top // 2, 0),
        summary=_summarise(counts),
        description=_describe_curve(counts),
    )


def choose_scale_top(highest: int) -> int:
    """Return the end of the scale: 2, 4, 6, 8 or 10 times a power of ten that is not below `highest`."""
    power = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if step * power >= highest:
                return step * power
        power *= 10


def describe_week(week: WeekCounts) -> str:
    """Return « Semaine du 7 septembre 2026 : 12 clés activées, 57 clés envoyées. »."""
    happened = [
        formatting.pluralize(count, singular, plural)
        for count, singular, plural in (
            (week.activated, "clé activée", "clés activées"),
            (week.sent, "clé envoyée", "clés envoyées"),
            (week.reminded, "relance envoyée", "relances envoyées"),
        )
        if count
    ]
    words = formatting.join_words(happened) if happened else "rien"
    return formatting.add_nonbreaking_spaces(f"Semaine du {formatting.long_date(week.monday)} : {words}.")


def _list_weeks_before(counts: Sequence[WeekCounts]) -> list[WeekCounts]:
    missing = range(max(0, MIN_WEEKS - len(counts)), 0, -1)
    return [WeekCounts(counts[0].monday - number * _WEEK) for number in missing]


def _place(number: float, weeks: int) -> float:
    return PLOT_SIZE * number / weeks


def _percent(place: float) -> str:
    return f"{100 * place / PLOT_SIZE:.2f}%"


def name_months(weeks: Sequence[DatedWeek]) -> list[PlottedMonth]:
    """Return the names of the months, each at the week of its first day."""
    found = list(_find_months(weeks))
    every = 1 if len(found) <= _MONTHS_ON_TELEPHONE else 3
    return [
        PlottedMonth(f"{at:.2f}%", name, 2 if number % every else number // every % 2)
        for number, (at, name) in enumerate(found)
    ]


def _find_months(weeks: Sequence[DatedWeek]) -> Iterator[tuple[float, str]]:
    for number, (before, week) in enumerate(pairwise(weeks), start=1):
        last, previous = week.monday + _TO_SUNDAY, before.monday + _TO_SUNDAY
        at = 100 * number / len(weeks)
        if last.month != previous.month and at <= _LAST_MONTH_AT:
            yield at, format_date(last, "MMM", locale="fr")


def _summarise(counts: Sequence[WeekCounts]) -> str:
    activated = formatting.pluralize(sum(week.activated for week in counts), "clé activée", "clés activées")
    if len(counts) == 1:
        return f"{activated} cette semaine."
    latest = formatting.number(counts[-1].activated) if counts[-1].activated else "aucune"
    since = formatting.long_date(counts[0].monday)
    return f"{activated} depuis la semaine du {since}, dont {latest} cette semaine."


def _describe_curve(counts: Sequence[WeekCounts]) -> str:
    best = max(counts, key=lambda week: week.activated)
    words = f"Courbe des clés activées chaque semaine. {_summarise(counts)}"
    if best.activated:
        number = formatting.number(best.activated)
        words += f" Au plus {number} en une semaine, celle du {formatting.long_date(best.monday)}."
    return f"{words} Le tableau qui suit dit la même chose."
