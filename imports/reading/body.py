"""The rows below the titles of one sheet, checked, and completed with what stands once for a group. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imports.meanings import Meaning
from imports.reading import fill_down
from imports.reading.asides import SUMMED, Asides
from imports.reading.contents import POSTAL_TOWN
from imports.reading.rows import CheckedRow, check, columns_in_order, is_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imports.readers.sheets import Row
    from imports.reading.asides import Aside
    from imports.reading.layout import Place

#: How often the progress is told, in rows.
EVERY = 5_000
#: A sum of fewer rows is a number like any other.
FEWEST_SUMMED = 2
_CODE = re.compile(r" ?[0-9]{5,7} ?[A-Za-z] ?")
#: In place of an error of the spreadsheet, of which the file says only where it stands.
ERROR = "#ERREUR"


class Body(NamedTuple):
    """The checked rows of a sheet, and on how many of them something was carried, by meaning."""

    rows: list[CheckedRow]
    carried: dict[Meaning, int]


def read_body(
    place: Place,
    columns: Mapping[Meaning, int],
    *,
    volume: Meaning | None,
    communes: frozenset[str],
    progress: Callable[[int], None] | None = None,
) -> Body:
    """Return the rows of a sheet that are not blank. `progress` is told the rows gone through, now and then."""
    first = place.header_row or 0
    reading = _Reading(place, columns, volume, communes)
    for number, row in enumerate(place.sheet.rows(), start=1):
        if progress is not None and number % EVERY == 0:
            progress(number)
        if number > first:
            reading.take(number, row)
    _part_places(reading.rows, columns)
    return Body(reading.rows, fill_down.carry(reading.rows, reading.asides, columns, _merged(place, columns)))


class _Reading:
    """The rows of one sheet while they are gone through."""

    def __init__(
        self, place: Place, columns: Mapping[Meaning, int], volume: Meaning | None, communes: frozenset[str]
    ) -> None:
        self.rows: list[CheckedRow] = []
        #: Those that are none of the table's, by their number.
        self.asides: dict[int, Aside] = {}
        self._sheet = place.index
        self._columns = columns_in_order(columns)
        self._coded = columns.get(Meaning.UAI, -1)
        self._naming = [columns[meaning] for meaning in (Meaning.UAI, Meaning.NAME) if meaning in columns]
        self._volume = volume
        self._uncomputed = place.sheet.uncomputed
        self._errors: dict[int, list[int]] = {}
        for number, column in place.sheet.errors:
            self._errors.setdefault(number, []).append(column)
        self._finding = Asides(columns, _parts(place), communes, place.sample)
        # Licences since the last total, and in all; each with the rows that made it.
        self._group, self._group_rows, self._whole, self._whole_rows = 0, 0, 0, 0

    def take(self, number: int, row: Row) -> None:
        """Check a row, or tell why it is none of the table's."""
        if number in self._errors:
            row = [ERROR if index in self._errors[number] else cell for index, cell in enumerate(row)]
        cell = row[self._coded] if 0 <= self._coded < len(row) else ""
        # What has the form of a UAI, or lost a zero of it, stands in a row that names a school.
        if not (type(cell) is str and _CODE.fullmatch(cell)) and not self._finding.is_plainly_school(row):
            unsaid = bool(self._uncomputed) and any((number, index) in self._uncomputed for index in self._naming)
            if is_blank(row) and not unsaid:
                return
            # A school may well be named, by a formula whose result is not in the file.
            aside = None if unsaid else self._finding.find(row, first=not self.rows) or self._sum(number, row)
            if aside is not None:
                self.asides[number] = aside
                self.rows.append(check(self._sheet, number, row, self._columns, ignored=aside.reason))
                self._group, self._group_rows = 0, 0
                return
        checked = check(self._sheet, number, row, self._columns, volume=self._volume, uncomputed=self._uncomputed)
        self.rows.append(checked)
        if checked.units:
            self._group, self._group_rows = self._group + checked.units, self._group_rows + 1
            self._whole, self._whole_rows = self._whole + checked.units, self._whole_rows + 1

    def _sum(self, number: int, row: Row) -> Aside | None:
        """Tell whether a row that names no school holds the sum of those above."""
        if self._volume is None or not self._finding.names_none(row):
            return None
        asked = check(self._sheet, number, row, self._columns, volume=self._volume).units
        sums = ((self._group, self._group_rows), (self._whole, self._whole_rows))
        return SUMMED if asked and any(asked == total and count >= FEWEST_SUMMED for total, count in sums) else None


def _parts(place: Place) -> set[str]:
    """Return all texts of the titles: what a header that comes again is made of."""
    return {text for title in place.titles for text in (title.text, title.parent, title.child)} - {""}


def _merged(place: Place, columns: Mapping[Meaning, int]) -> dict[Meaning, dict[int, int]]:
    """Return, for each column, the rows that a merged cell covers, each with the row that holds its value."""
    meanings = {index: meaning for meaning, index in columns.items()}
    covered: dict[Meaning, dict[int, int]] = {}
    for area in place.sheet.merged:
        if area.left == area.right and area.bottom > area.top and area.left in meanings:
            rows = dict.fromkeys(range(area.top + 1, area.bottom + 1), area.top)
            covered.setdefault(meanings[area.left], {}).update(rows)
    return covered


def _part_places(rows: list[CheckedRow], columns: Mapping[Meaning, int]) -> None:
    """Part « 30000 Nîmes » into its code and its commune, where they stand in one cell."""
    if Meaning.COMMUNE not in columns:
        return
    shared = columns.get(Meaning.POSTAL_CODE, columns[Meaning.COMMUNE]) == columns[Meaning.COMMUNE]
    for row in rows:
        text = row.cells.get("commune", "")
        if (
            not text
            or row.ignored
            or not (text[0].isdecimal() or text[-1].isdecimal() or text[-1] == ")" or text[0] == "F")
        ):
            continue
        both = POSTAL_TOWN.fullmatch(text)
        if both is not None:
            row.cells["commune"] = both[2] or both[3]
            if shared or "postal_code" not in row.cells:
                row.cells["postal_code"] = both[1] or both[4]
