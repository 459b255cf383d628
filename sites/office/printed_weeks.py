"""The figures of the weekly curve as the printed page has them: a column a week, or a month where there are many."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from itertools import dropwhile, groupby
from typing import NamedTuple

from babel.dates import format_date

from licensing.pools.year_use import WeekCounts

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
