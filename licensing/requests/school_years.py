"""Which school years licences are asked for on a day. Pure."""

from __future__ import annotations

import datetime

from licensing.catalogue.operations import get_last_day

#: From this month on, licences of the next school year may be asked for; two months before the end, only they.
_APRIL, _JULY, _AUGUST = 4, 7, 8


def list_years_to_ask(day: datetime.date) -> list[int]:
    """Return the school years that may be asked for, by the year in which they end, the likelier first."""
    current = get_last_day(day).year
    if day.month in (_JULY, _AUGUST):
        return [current + 1]
    return [current, current + 1] if _APRIL <= day.month < _JULY else [current]


def format_school_year(year: int) -> str:
    """Return « 2026-2027 » for the year in which it ends."""
    return f"{year - 1}-{year}"
