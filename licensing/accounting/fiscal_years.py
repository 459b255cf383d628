"""Fiscal years: they close on the last day of a month. Pure."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Iterator

from licensing.accounting.journals import Period

ONE_DAY = datetime.timedelta(days=1)


def get_closing_date(year: int, month: int) -> datetime.date:
    """Return the last day of a month."""
    return datetime.date(year, month, calendar.monthrange(year, month)[1])


def get_fiscal_year(day: datetime.date, *, closing_month: int) -> Period:
    """Return the fiscal year that a day belongs to."""
    closes_on = get_closing_date(day.year, closing_month)
    if closes_on < day:
        closes_on = get_closing_date(day.year + 1, closing_month)
    return Period(get_closing_date(closes_on.year - 1, closing_month) + ONE_DAY, closes_on)


def list_closing_dates(start: datetime.date, end: datetime.date, *, closing_month: int) -> Iterator[datetime.date]:
    """Yield the closing dates from `start` to `end`, both included."""
    for year in range(start.year, end.year + 1):
        closes_on = get_closing_date(year, closing_month)
        if start <= closes_on <= end:
            yield closes_on


def get_quarter(day: datetime.date) -> Period:
    """Return the calendar quarter that a day belongs to."""
    first_month = 3 * ((day.month - 1) // 3) + 1
    return Period(datetime.date(day.year, first_month, 1), get_closing_date(day.year, first_month + 2))


def get_month(day: datetime.date) -> Period:
    """Return the month that a day belongs to."""
    return Period(day.replace(day=1), get_closing_date(day.year, day.month))
