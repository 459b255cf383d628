"""The days of the simulated year: its holidays by zone, and the next day on which a school works. Pure."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import NamedTuple

from core.calendar import is_public_holiday

ZONES = ("A", "B", "C")
_DAY = datetime.timedelta(days=1)
_SATURDAY = 5
_TWO_WEEKS = datetime.timedelta(days=15)
#: First Saturday of the winter and of the spring holidays, counted in weeks, by zone.
_LATER_WEEKS = {"A": 2, "B": 0, "C": 1}


class HolidayPeriod(NamedTuple):
    """Holidays of a zone; `first_day` and `back_on` are a Saturday and the day school begins again."""

    zone: str
    name: str
    first_day: datetime.date
    back_on: datetime.date


class StoryTerms:
    """The school days of some years from a September on, made up as the ministry makes them."""

    def __init__(self, first_year: int, *, years: int = 4) -> None:
        self.first_year = first_year
        self.periods = [
            period
            for year in range(first_year - 1, first_year + years)
            for zone in ZONES
            for period in _list(year, zone)
        ]

    def is_school_day(self, day: datetime.date, zone: str) -> bool:
        """Return whether a school of the zone works."""
        return not (
            day.weekday() >= _SATURDAY
            or is_public_holiday(day)
            or any(one.zone == zone and one.first_day <= day < one.back_on for one in self.periods)
        )

    def next_school_day(self, day: datetime.date, zone: str) -> datetime.date:
        """Return the day, or the next on which a school of the zone works."""
        while not self.is_school_day(day, zone):
            day += _DAY
        return day

    def write_file(self, path: Path) -> None:
        """Write the holidays as the open data has them, for `load_calendar`."""
        rows = [
            {
                "description": one.name,
                "population": "-",
                "start_date": one.first_day.isoformat(),
                "end_date": one.back_on.isoformat(),
                "zones": f"Zone {one.zone}",
            }
            for one in self.periods
        ]
        path.write_text(json.dumps(rows), encoding="utf-8")


def find_working_day(day: datetime.date) -> datetime.date:
    """Return the day, or the next on which an office works."""
    while day.weekday() >= _SATURDAY or is_public_holiday(day):
        day += _DAY
    return day


def _list(year: int, zone: str) -> list[HolidayPeriod]:
    """Return the holidays of the school year that begins in a year."""
    later = datetime.timedelta(weeks=_LATER_WEEKS[zone])
    christmas = _saturday(datetime.date(year, 12, 17))
    return [
        HolidayPeriod(zone, "Vacances de la Toussaint", *_weeks(_saturday(datetime.date(year, 10, 17)))),
        HolidayPeriod(zone, "Vacances de Noël", *_weeks(christmas)),
        HolidayPeriod(zone, "Vacances d'Hiver", *_weeks(_saturday(datetime.date(year + 1, 2, 6)) + later)),
        HolidayPeriod(zone, "Vacances de Printemps", *_weeks(_saturday(datetime.date(year + 1, 4, 4)) + later)),
        HolidayPeriod(zone, "Vacances d'Été", _saturday(datetime.date(year + 1, 7, 3)), datetime.date(year + 1, 9, 1)),
    ]


def _saturday(day: datetime.date) -> datetime.date:
    return day + (_SATURDAY - day.weekday()) % 7 * _DAY


def _weeks(first_day: datetime.date) -> tuple[datetime.date, datetime.date]:
    # Until the third Monday: two days of weekend before two weeks of five days.
    return first_day, first_day + _TWO_WEEKS + _DAY
