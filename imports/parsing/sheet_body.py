"""Parse the rows of one table below its header, and fill in values written once per group. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning
from imports.parsing import fill_down
from imports.parsing.cell_classification import POSTAL_TOWN
from imports.parsing.ignored_rows import UNLABELLED_SUM, IgnoredRow, IgnoredRowDetector
from imports.parsing.level_letters import expand_level_letters
from imports.parsing.rows import ParsedRow, is_blank_row, list_columns, parse_row
from imports.parsing.sheet_selection import DetectedSheet
from imports.parsing.table_boundaries import begins_other_table

#: Rows between two progress reports.
PROGRESS_INTERVAL = 5_000
#: Fewer rows are equal to their sum by chance.
MIN_SUMMED_ROWS = 2
_UAI_LIKE = re.compile(r" ?[0-9]{5,7} ?[A-Za-z] ?")
#: Stands for a spreadsheet error, of which only the position is known.
ERROR_TEXT = "#ERREUR"


class SheetBody(NamedTuple):
    """The parsed rows of a table, and in how many of them a value was filled in, by meaning."""

    rows: list[ParsedRow]
    filled_counts: dict[Meaning, int]
    #: The row of titles at which another table begins, with its number; None where the sheet ends.
    next_header: tuple[int, CellRow] | None


def parse_body(
    detected: DetectedSheet,
    columns: Mapping[Meaning, int],
    rows: Iterable[tuple[int, CellRow]],
    *,
    volume: Meaning | None,
    communes: frozenset[str],
    progress: Callable[[int], None] | None = None,
) -> SheetBody:
    """Return the rows of a table that are not blank, up to the titles of another one.

    `rows`: those of the sheet, with their numbers. `progress` is called now and then with the row number.
    """
    first = detected.header_row or 0
    parser = _BodyParser(detected, columns, volume, communes)
    next_header = None
    for number, row in rows:
        if progress is not None and number % PROGRESS_INTERVAL == 0:
            progress(number)
        if number > first and not parser.add(number, row):
            next_header = number, row
            break
    _split_postal_communes(parser.rows, columns)
    if Meaning.KIND in columns:
        expand_level_letters(parser.rows)
    filled = fill_down.fill_values(parser.rows, parser.ignored_rows, columns, _merged(detected, columns))
    return SheetBody(parser.rows, filled, next_header)


class _BodyParser:
    """Collects the rows of one table."""

    def __init__(
        self, detected: DetectedSheet, columns: Mapping[Meaning, int], volume: Meaning | None, communes: frozenset[str]
    ) -> None:
        self.rows: list[ParsedRow] = []
        #: By row number.
        self.ignored_rows: dict[int, IgnoredRow] = {}
        self._sheet = detected.index
        self._columns = list_columns(columns)
        self._uai_column = columns.get(Meaning.UAI, -1)
        self._naming_columns = [columns[meaning] for meaning in (Meaning.UAI, Meaning.NAME) if meaning in columns]
        self._volume = volume
        self._uncomputed = detected.sheet.uncomputed
        self._errors: dict[int, list[int]] = {}
        for number, column in detected.sheet.errors:
            self._errors.setdefault(number, []).append(column)
        self._titles = detected.titles
        self._detector = IgnoredRowDetector(columns, _title_texts(detected), communes, detected.sample)
        # Licences since the last total, and in all; each with its number of rows.
        self._group, self._group_rows, self._total, self._total_rows = 0, 0, 0, 0

    def add(self, number: int, row: CellRow) -> bool:
        """Parse a row, or record why it is ignored; return False where another table begins with it."""
        if number in self._errors:
            row = [ERROR_TEXT if index in self._errors[number] else cell for index, cell in enumerate(row)]
        cell = row[self._uai_column] if 0 <= self._uai_column < len(row) else ""
        # A text in the form of a UAI, or of one without its zero, names a school.
        if not (type(cell) is str and _UAI_LIKE.fullmatch(cell)) and not self._detector.is_obvious_school(row):
            may_be_named = bool(self._uncomputed) and any(
                (number, index) in self._uncomputed for index in self._naming_columns
            )
            if is_blank_row(row) and not may_be_named:
                return True
            if self.rows and begins_other_table(row, self._titles):
                return False
            # A formula whose result is not in the file may name a school.
            ignored_row = (
                None if may_be_named else self._detector.find(row, first=not self.rows) or self._sum(number, row)
            )
            if ignored_row is not None:
                self.ignored_rows[number] = ignored_row
                self.rows.append(parse_row(self._sheet, number, row, self._columns, ignored=ignored_row.reason))
                self._group, self._group_rows = 0, 0
                return True
        checked = parse_row(self._sheet, number, row, self._columns, volume=self._volume, uncomputed=self._uncomputed)
        self.rows.append(checked)
        if checked.units:
            self._group, self._group_rows = self._group + checked.units, self._group_rows + 1
            self._total, self._total_rows = self._total + checked.units, self._total_rows + 1
        return True

    def _sum(self, number: int, row: CellRow) -> IgnoredRow | None:
        """Return `UNLABELLED_SUM` for a row that names no school and has the sum of those above."""
        if self._volume is None or not self._detector.names_no_school(row):
            return None
        units = parse_row(self._sheet, number, row, self._columns, volume=self._volume).units
        sums = ((self._group, self._group_rows), (self._total, self._total_rows))
        return (
            UNLABELLED_SUM
            if units and any(units == total and count >= MIN_SUMMED_ROWS for total, count in sums)
            else None
        )


def _title_texts(detected: DetectedSheet) -> set[str]:
    """Return all texts of the header, to recognise a repeated one."""
    return {text for title in detected.titles for text in (title.text, title.parent, title.child)} - {""}


def _merged(detected: DetectedSheet, columns: Mapping[Meaning, int]) -> dict[Meaning, dict[int, int]]:
    """Return, by meaning, the rows covered by a merged cell, each with the row of its value."""
    meanings = {index: meaning for meaning, index in columns.items()}
    covered: dict[Meaning, dict[int, int]] = {}
    for area in detected.sheet.merged:
        if area.left == area.right and area.bottom > area.top and area.left in meanings:
            rows = dict.fromkeys(range(area.top + 1, area.bottom + 1), area.top)
            covered.setdefault(meanings[area.left], {}).update(rows)
    return covered


def _split_postal_communes(rows: list[ParsedRow], columns: Mapping[Meaning, int]) -> None:
    """Split cells such as « 30000 Nîmes » into postal code and commune."""
    if Meaning.COMMUNE not in columns:
        return
    one_column = columns.get(Meaning.POSTAL_CODE, columns[Meaning.COMMUNE]) == columns[Meaning.COMMUNE]
    for row in rows:
        text = row.cells.get("commune", "")
        if (
            not text
            or row.ignored
            or not (text[0].isdecimal() or text[-1].isdecimal() or text[-1] == ")" or text[0] == "F")
        ):
            continue
        match = POSTAL_TOWN.fullmatch(text)
        if match is not None:
            row.cells["commune"] = match[2] or match[3]
            if one_column or "postal_code" not in row.cells:
                row.cells["postal_code"] = match[1] or match[4]
