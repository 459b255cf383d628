"""On which days one writes to a school: never on a weekend, a public holiday, or in the holidays of its zone.

Beyond the first and the last holidays that were loaded of a zone, no day of July and August is one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import Max, Min

from core.calendar import PARIS, date_in_paris
from schools.calendar.public_holidays import ALSACE_MOSELLE, is_public_holiday
from schools.calendar.zones import ZONE_OF_ACADEMIE, ZONE_OF_DEPARTEMENT, find_zone
from schools.models import School, SchoolHoliday

_ONE_DAY = datetime.timedelta(days=1)
#: `date.weekday()` of Saturday.
_SATURDAY = 5
SUMMER_MONTHS = (7, 8)
#: Hours in Paris between which one writes.
FIRST_HOUR, LAST_HOUR = 8, 18
#: Longer than any holidays.
_LONGEST_WAIT = datetime.timedelta(days=90)


class CalendarPlace(NamedTuple):
    """What the writing days of a school depend on: schools of one place share them."""

    #: Empty where it is not known.
    zone: str
    #: Where a département has holidays of its own; empty elsewhere.
    departement_code: str = ""

    @property
    def code(self) -> str:
        """The place as one text, for SQL; empty where it is not known."""
        return f"{self.zone}/{self.departement_code}" if self.zone else ""


#: Of schools whose zone is not known.
UNKNOWN_PLACE = CalendarPlace("")


class WritingCalendar:
    """The writing days of all places between two days, both inclusive. Two queries."""

    def __init__(self, first_day: datetime.date, last_day: datetime.date) -> None:
        self.first_day, self.last_day = first_day, last_day
        holidays = SchoolHoliday.objects.filter(last_day__gte=first_day, first_day__lte=last_day)
        self._closed = {
            (zone, day)
            for zone, start, end in holidays.values_list("zone", "first_day", "last_day")
            for day in _iterate_days(max(start, first_day), min(end, last_day))
        }
        spans = SchoolHoliday.objects.order_by().values_list("zone").annotate(Min("first_day"), Max("last_day"))
        self._known = {zone: (start, end) for zone, start, end in spans}

    def is_writing_day(self, place: CalendarPlace, day: datetime.date) -> bool:
        """Whether one writes to schools of this place on a day of the calendar."""
        if day.weekday() >= _SATURDAY or is_public_holiday(day, place.departement_code):
            return False
        if day.month in SUMMER_MONTHS and not self._is_known(place.zone, day):
            return False
        return (place.zone, day) not in self._closed

    def _is_known(self, zone: str, day: datetime.date) -> bool:
        start, end = self._known.get(zone, (datetime.date.max, datetime.date.min))
        return bool(start <= day <= end)

    def iterate_next_days(self, place: CalendarPlace) -> Iterator[tuple[datetime.date, datetime.date]]:
        """Yield each day with the first writing day from it on, the last day first; no day that has none."""
        following: datetime.date | None = None
        day = self.last_day
        while day >= self.first_day:
            if self.is_writing_day(place, day):
                following = day
            if following is not None:
                yield day, following
            day -= _ONE_DAY


def find_place(school: School) -> CalendarPlace:
    """Return the place of a school."""
    return _build_place(find_zone(school.departement_code, school.academie) or "", school.departement_code)


def list_places() -> tuple[dict[str, CalendarPlace], dict[str, CalendarPlace]]:
    """Return the places by code of département, and by folded name of académie where the code is not known."""
    by_departement = {code: _build_place(zone, code) for code, zone in ZONE_OF_DEPARTEMENT.items()}
    return by_departement, {name: CalendarPlace(zone) for name, zone in ZONE_OF_ACADEMIE.items()}


def is_writing_day(school: School, day: datetime.date) -> bool:
    """Whether one writes to the school on a day. Two queries; for many schools use `WritingCalendar`."""
    return WritingCalendar(day, day).is_writing_day(find_place(school), day)


def knows_holidays(day: datetime.date) -> bool:
    """Whether holidays that end on this day or later were loaded, of any zone. One query."""
    return SchoolHoliday.objects.filter(last_day__gte=day).exists()


def list_open_departements(day: datetime.date) -> list[str]:
    """Return the codes of the départements to whose schools one writes on a day. Two queries."""
    calendar = WritingCalendar(day, day)
    return [code for code, place in list_places()[0].items() if calendar.is_writing_day(place, day)]


def find_writing_moments(schools: Iterable[School], at: datetime.datetime) -> dict[str, datetime.datetime]:
    """Return by UAI the moment from `at` on at which one writes to a school of one's own accord. Two queries.

    During the hours of a writing day. Where the calendar has no such day for months, `at`.
    """
    today = date_in_paris(at)
    calendar = WritingCalendar(today, today + _LONGEST_WAIT)
    is_too_late = at.astimezone(PARIS).hour >= LAST_HOUR
    moments = {}
    for school in schools:
        place = find_place(school)
        days = _iterate_days(today + _ONE_DAY if is_too_late else today, calendar.last_day)
        day = next((day for day in days if calendar.is_writing_day(place, day)), None)
        opens_at = at if day is None else datetime.datetime.combine(day, datetime.time(FIRST_HOUR), tzinfo=PARIS)
        moments[school.uai] = max(at, opens_at)
    return moments


def is_writing_hour(at: datetime.datetime) -> bool:
    """Whether one writes to schools at this time of a writing day."""
    return FIRST_HOUR <= at.astimezone(PARIS).hour < LAST_HOUR


def _build_place(zone: str, departement_code: str) -> CalendarPlace:
    has_own_days = departement_code in ALSACE_MOSELLE or departement_code.startswith("97")
    return CalendarPlace(str(zone), departement_code if has_own_days else "")


def _iterate_days(first: datetime.date, last: datetime.date) -> Iterator[datetime.date]:
    day = first
    while day <= last:
        yield day
        day += _ONE_DAY
