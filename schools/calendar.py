"""The school calendar: the holidays of each zone, and on which days one writes to a school."""

import datetime
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from django.db.models import Max, Min

from core import calendar
from core.calendar import PARIS, date_in_paris
from core.connections import connection
from schools.folding import fold
from schools.models import HolidayZone, School, SchoolHoliday, WrittenWeek

# On which days one writes to a school: never on a weekend, a public holiday, or in the holidays of its zone.
#
# Beyond the first and the last holidays that were loaded of a zone, no day of July and August is one.

# At most one reminder a week to a school, whatever it is about and whoever writes: weeks are claimed in public.
#
# Claimed in the transaction that queues the letter: whoever comes second waits for its end, and then does not write.

_TABLE = f"public.{WrittenWeek._meta.db_table}"  # noqa: SLF001 - documented
# In the order of the schools: two collectivities that write to the same ones wait, and never for each other.
_CLAIM = f"""
INSERT INTO {_TABLE} (school_id, week, schema, written_at)
SELECT uai, %s, %s, %s FROM unnest(%s::text[]) AS uai ORDER BY uai
ON CONFLICT (school_id, week) DO NOTHING RETURNING school_id
"""  # noqa: S608 - the table's own name


def get_week(day: datetime.date) -> datetime.date:
    """Return the Monday of the ISO week of a day."""
    return day - datetime.timedelta(days=day.weekday())


def claim_weeks(uais: Collection[str], *, at: datetime.datetime) -> set[str]:
    """Claim the week of a moment for these schools, for the current schema; return those that had no reminder in it.

    Lock order: after keys and seats, before due work.
    """
    week = get_week(date_in_paris(at))
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [week, connection.schema_name, at, sorted(set(uais))])
        return {uai for (uai,) in cursor.fetchall()}


def find_written(uais: Collection[str], *, at: datetime.datetime) -> dict[str, datetime.datetime]:
    """Return by UAI when those of the schools got a reminder that got one in the week of a moment."""
    weeks = WrittenWeek.objects.filter(school_id__in=list(uais), week=get_week(date_in_paris(at)))
    return dict(weeks.values_list("school_id", "written_at"))


# Public holidays of Alsace-Moselle and overseas, besides those of the whole of France. Pure.
#
# Code du travail, articles L3134-13 and L3422-2.

_FROM_GOOD_FRIDAY = datetime.timedelta(days=2)
ALSACE_MOSELLE = frozenset({"057", "067", "068"})
#: By département, month and day of the abolition of slavery.
_ABOLITION = {
    "971": (5, 27),
    "977": (10, 9),
    "978": (5, 28),
    "972": (5, 22),
    "973": (6, 10),
    "974": (12, 20),
    "976": (4, 27),
}


def is_public_holiday(day: datetime.date, departement_code: str = "") -> bool:
    """Whether nobody works on this day in the département."""
    if calendar.is_public_holiday(day) or (day.month, day.day) == _ABOLITION.get(departement_code):
        return True
    is_good_friday = calendar.get_easter(day.year) - day == _FROM_GOOD_FRIDAY
    return departement_code in ALSACE_MOSELLE and (is_good_friday or (day.month, day.day) == (12, 26))


_A, _B, _C = HolidayZone.A, HolidayZone.B, HolidayZone.C
#: Départements of the metropolitan zones; the académies that share a line are of one zone.
_DEPARTEMENTS = {
    _A: (
        # Besançon, Bordeaux, Clermont-Ferrand, Dijon
        "025 039 070 090 024 033 040 047 064 003 015 043 063 021 058 071 089 "
        # Grenoble, Limoges, Lyon, Poitiers
        "007 026 038 073 074 019 023 087 001 042 069 016 017 079 086"
    ),
    _B: (
        # Aix-Marseille, Amiens, Lille, Nancy-Metz, Nantes, Nice
        "004 005 013 084 002 060 080 059 062 054 055 057 088 044 049 053 072 085 006 083 "
        # Normandie, Orléans-Tours, Reims, Rennes, Strasbourg
        "014 027 050 061 076 018 028 036 037 041 045 008 010 051 052 022 029 035 056 067 068"
    ),
    # Créteil, Montpellier, Paris, Toulouse, Versailles
    _C: "077 093 094 011 030 034 048 066 075 009 012 031 032 046 065 081 082 078 091 092 095",
    HolidayZone.CORSE: "02A 02B",
    # Saint-Barthélemy and Saint-Martin are of its académie.
    HolidayZone.GUADELOUPE: "971 977 978",
    HolidayZone.MARTINIQUE: "972",
    HolidayZone.GUYANE: "973",
    HolidayZone.REUNION: "974",
    HolidayZone.SAINT_PIERRE: "975",
    HolidayZone.MAYOTTE: "976",
    HolidayZone.WALLIS: "986",
    HolidayZone.POLYNESIE: "987",
    HolidayZone.NOUVELLE_CALEDONIE: "988",
}
#: Zone by code of département, as the directory writes it: `030`, `02A`, `974`.
ZONE_OF_DEPARTEMENT = {code: zone for zone, codes in _DEPARTEMENTS.items() for code in codes.split()}
_ACADEMIES = {
    _A: "besancon|bordeaux|clermont ferrand|dijon|grenoble|limoges|lyon|poitiers",
    _B: (
        "aix marseille|amiens|lille|nancy metz|nantes|nice|normandie|caen|rouen|orleans tours|reims|rennes|strasbourg"
    ),
    _C: "creteil|montpellier|paris|toulouse|versailles",
    HolidayZone.CORSE: "corse",
    HolidayZone.GUADELOUPE: "guadeloupe",
    HolidayZone.MARTINIQUE: "martinique",
    HolidayZone.GUYANE: "guyane",
    HolidayZone.REUNION: "la reunion|reunion",
    HolidayZone.SAINT_PIERRE: "saint pierre et miquelon",
    HolidayZone.MAYOTTE: "mayotte",
    HolidayZone.WALLIS: "wallis et futuna",
    HolidayZone.POLYNESIE: "polynesie francaise|polynesie",
    HolidayZone.NOUVELLE_CALEDONIE: "nouvelle caledonie",
}
ZONE_OF_ACADEMIE = {name: zone for zone, names in _ACADEMIES.items() for name in names.split("|")}


def find_zone(departement_code: str, academie: str = "") -> HolidayZone | None:
    """Return the zone of a school, None where neither its département nor its académie is known."""
    return ZONE_OF_DEPARTEMENT.get(departement_code) or ZONE_OF_ACADEMIE.get(fold(academie))


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
