"""Load files of open data: the school calendar, and the outlines of territories."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from django.db import transaction

from schools.calendar.files import RefusedHoliday, read_calendar
from schools.models import HolidayZone, SchoolHoliday


class CalendarReport(NamedTuple):
    """How many holidays were written, by zone, and the rows that were not read."""

    loaded: dict[HolidayZone, int]
    refused: list[RefusedHoliday]


@transaction.atomic
def load_calendar(*, path: Path) -> CalendarReport:
    """Write the holidays of a file, all or none. Raises `CalendarRefused`.

    Of each zone in the file, what was known between its first and its last day is replaced.
    """
    read = read_calendar(path)
    for zone in {holiday.zone for holiday in read.holidays}:
        of_zone = [holiday for holiday in read.holidays if holiday.zone == zone]
        SchoolHoliday.objects.filter(
            zone=zone,
            first_day__gte=min(holiday.first_day for holiday in of_zone),
            last_day__lte=max(holiday.last_day for holiday in of_zone),
        ).delete()
    SchoolHoliday.objects.bulk_create(
        [SchoolHoliday(**holiday._asdict()) for holiday in read.holidays],
        update_conflicts=True,
        unique_fields=["zone", "first_day", "last_day"],
        update_fields=["name"],
    )
    return CalendarReport(dict(Counter(holiday.zone for holiday in read.holidays)), read.refused)
