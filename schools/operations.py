"""Load files of open data: the school calendar, and the outlines of territories."""

import csv
import datetime
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction

from core.calendar import PARIS
from core.foreign_values import UnreadableJson, check_day, check_moment, parse_json
from core.formatting import pluralize
from schools.exceptions import CalendarRefused
from schools.folding import fold
from schools.models import HolidayZone, SchoolHoliday, TerritoryLevel, TerritoryOutline
from schools.outlines import UnreadItem, read_outlines

# Read the holidays of a file of the open data « fr-en-calendrier-scolaire », JSON or CSV, as its site exports it.
#
# A row stands for an académie: those of a zone repeat each other. A moment is midnight at the place; the end is the day
# on which school begins again.

#: All years that the open data has are 0.7 MB.
MAX_BYTES = 20 * 1024 * 1024
#: The summer holidays are 62 days at most.
_MAX_DAYS = 100
_MAX_NAME = 120
_TEACHERS = "enseignants"
#: Names of the columns, folded: those of the fields, and those that the site shows.
_COLUMNS = {
    "description": ("description",),
    "population": ("population",),
    "start": ("start date", "date de debut"),
    "end": ("end date", "date de fin"),
    "zone": ("zones", "zone"),
}
_NEEDED = ("description", "start", "end", "zone")
_ZONES = {fold(zone.label): zone for zone in HolidayZone} | {zone.value.lower(): zone for zone in HolidayZone}
_TIME_ZONES = {
    HolidayZone.GUADELOUPE: "America/Guadeloupe",
    HolidayZone.GUYANE: "America/Cayenne",
    HolidayZone.MARTINIQUE: "America/Martinique",
    HolidayZone.MAYOTTE: "Indian/Mayotte",
    HolidayZone.NOUVELLE_CALEDONIE: "Pacific/Noumea",
    HolidayZone.POLYNESIE: "Pacific/Tahiti",
    HolidayZone.REUNION: "Indian/Reunion",
    HolidayZone.SAINT_PIERRE: "America/Miquelon",
    HolidayZone.WALLIS: "Pacific/Wallis",
}
_HALF_A_DAY = datetime.timedelta(hours=12)
_ONE_DAY = datetime.timedelta(days=1)
#: First months of summer holidays that the file gives a beginning alone.
_SUMMER_BEGINS = (6, 7)
_AGAIN = "Téléchargez-le de nouveau, en JSON ou en CSV, sans l'ouvrir dans un tableur."


class Holiday(NamedTuple):
    """Holidays of a zone; `last_day` is inclusive."""

    zone: HolidayZone
    first_day: datetime.date
    last_day: datetime.date
    name: str


class CalendarFile(NamedTuple):
    """What a file holds, without the rows that repeat another or are for teachers alone."""

    holidays: list[Holiday]
    refused: list[UnreadItem]


def read_calendar(path: Path) -> CalendarFile:
    """Return the holidays of a file. Raises `CalendarRefused`."""
    found: dict[tuple[HolidayZone, datetime.date, datetime.date], Holiday] = {}
    refused = []
    for number, row in enumerate(_read_rows(path), start=1):
        if fold(row.get("population", "")) == _TEACHERS:
            continue
        try:
            holiday = _parse(row)
        except ValueError as error:
            refused.append(UnreadItem(number, str(error)))
        else:
            if holiday is not None:
                found.setdefault(holiday[:3], holiday)
    if not found:
        raise CalendarRefused(f"Ce fichier ne contient aucune période de vacances lisible. {_AGAIN}")
    return CalendarFile(sorted(found.values()), refused)


def _read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows by our names of the columns."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CalendarRefused(f"Ce fichier dépasse {MAX_BYTES // 1024 // 1024} Mo : ce n'est pas le calendrier.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CalendarRefused(f"Ce fichier ne peut pas être lu : {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CalendarRefused(f"Ce fichier n'est pas en UTF-8. {_AGAIN}") from error
    rows = _read_json(text) if text.lstrip()[:1] in ("[", "{") else _read_csv(text)
    names: dict[str, str] | None = None
    for row in rows:
        if names is None:
            names = _locate(row)
        yield {ours: str(row.get(theirs) or "").strip() for ours, theirs in names.items()}


def _read_json(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        content = parse_json(text.encode(), max_bytes=MAX_BYTES)
    except UnreadableJson as error:
        raise CalendarRefused(f"Ce fichier n'est pas un JSON lisible : il est coupé ou abîmé. {_AGAIN}") from error
    if isinstance(content, dict):
        content = content.get("results")
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise CalendarRefused(f"Ce JSON n'est pas un export du calendrier scolaire. {_AGAIN}")
    yield from content


def _read_csv(text: str) -> Iterator[Mapping[str, Any]]:
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    try:
        for row in csv.DictReader(text.splitlines(), delimiter=delimiter):
            # The cells beyond the header stand under None.
            yield {name: cell for name, cell in row.items() if isinstance(name, str)}
    except csv.Error as error:
        raise CalendarRefused(f"Ce fichier n'est pas un CSV lisible. {_AGAIN}") from error


def _locate(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the file's names of the columns by ours. Raises `CalendarRefused` where one that is needed is missing."""
    folded = {fold(name): name for name in row}
    names = {ours: next((folded[name] for name in theirs if name in folded), "") for ours, theirs in _COLUMNS.items()}
    if missing := [ours for ours in _NEEDED if not names[ours]]:
        wanted = ", ".join(f"« {_COLUMNS[ours][0].replace(' ', '_')} »" for ours in missing)
        raise CalendarRefused(f"Ce fichier n'a pas ces colonnes du calendrier scolaire : {wanted}. {_AGAIN}")
    return {ours: theirs for ours, theirs in names.items() if theirs}


def _parse(row: Mapping[str, str]) -> Holiday | None:
    """Return the holidays of a row; None where it states a day of return alone. Raises `ValueError`, in French."""
    zone = _ZONES.get(fold(row["zone"]))
    if zone is None:
        raise ValueError(f"la zone « {row['zone']} » n'est pas connue")
    start, end = _parse_day(row["start"], zone), _parse_day(row["end"], zone)
    if end < start:
        raise ValueError("les vacances finissent avant de commencer")
    if end == start:
        if start.month not in _SUMMER_BEGINS or "vacances" not in fold(row["description"]):
            return None
        end = datetime.date(start.year, 9, 1)
    if (end - start).days > _MAX_DAYS:
        raise ValueError(f"ces vacances durent plus de {_MAX_DAYS} jours")
    return Holiday(zone, start, end - _ONE_DAY, row["description"][:_MAX_NAME])


def _parse_day(text: str, zone: HolidayZone) -> datetime.date:
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return check_day(moment.date())
        place = ZoneInfo(_TIME_ZONES[zone]) if zone in _TIME_ZONES else PARIS
        # The nearest midnight: some years are written by the clock of Paris, or by that of winter.
        return (check_moment(moment).astimezone(place) + _HALF_A_DAY).date()
    except ValueError:
        raise ValueError(f"« {text} » n'est pas une date") from None


_BATCH = 1_000
#: Refused items that a report names one by one.
_MAX_LINES = 20


class OpenDataReport[Kind](NamedTuple):
    """How many outlines or holidays were written, by level or zone, and what was not read."""

    loaded: dict[Kind, int]
    refused: list[UnreadItem]

    def describe_refused(self, noun: str, singular: str, plural: str) -> Iterator[str]:
        """Yield the lines that say what was not read, the first of it one by one; none where all was."""
        if self.refused:
            yield f"{pluralize(len(self.refused), singular, plural)} :"
        for item in self.refused[:_MAX_LINES]:
            yield f"  {noun} {item.number} : {item.reason}"
        if len(self.refused) > _MAX_LINES:
            yield f"  … et {len(self.refused) - _MAX_LINES} de plus."


def load_outlines(*, path: Path, source: str, level: str = "", at: datetime.datetime) -> OpenDataReport[TerritoryLevel]:
    """Write the outlines of a GeoJSON file, all or none, and return what they are. Raises `OutlinesRefused`.

    `source`: named below maps. `level`: a `TerritoryLevel`, where the file leaves it open.
    """
    read = read_outlines(path, level=level)
    # The last of the same code counts: one statement cannot write a row twice.
    outlines = {(outline.level, outline.code): outline for outline in read.outlines}
    TerritoryOutline.objects.bulk_create(
        [TerritoryOutline(**outline._asdict(), source=source, loaded_at=at) for outline in outlines.values()],
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["level", "code"],
        update_fields=["siren", "name", "rings", "source", "loaded_at"],
    )
    return OpenDataReport(dict(Counter(TerritoryLevel(outline.level) for outline in outlines.values())), read.refused)


@transaction.atomic
def load_calendar(*, path: Path) -> OpenDataReport[HolidayZone]:
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
    return OpenDataReport(dict(Counter(holiday.zone for holiday in read.holidays)), read.refused)
