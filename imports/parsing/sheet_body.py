"""Parse the rows of one table below its header, and fill in values written once per group. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from imports.cells import cell_to_text, parse_quantity
from imports.columns import NAMING_COLUMNS, Meaning
from imports.formats.sheet_types import CellRow, CellValue, MergedRange, WorkbookSheet
from imports.parsing.cell_classification import POSTAL_TOWN
from imports.parsing.headers import begins_other_table
from imports.parsing.ignored_rows import UNLABELLED_SUM, IgnoredRow, IgnoredRowDetector
from imports.parsing.rows import ParsedRow, expand_level_letters, is_blank_row, list_columns, parse_row
from imports.parsing.sheet_selection import DetectedSheet

# Fill down values written once for a group of rows. Pure.
#
# Only the place and the kind of a school: never a UAI, a name, a quantity or an e-mail address.

_FILLED_MEANINGS = [meaning for meaning in Meaning if meaning.column.filled_down]
#: With a smaller share of blank cells, the blanks are omissions rather than groups.
MIN_BLANK_SHARE = 0.1
#: Values written once per group are hardly ever equal in consecutive rows.
MAX_REPEATED_SHARE, MIN_DISTINCT_SHARE = 0.1, 0.8


def fill_values(
    rows: Sequence[ParsedRow],
    ignored_rows: Mapping[int, IgnoredRow],
    columns: Mapping[Meaning, int],
    merged: Sequence[MergedRange],
) -> dict[Meaning, int]:
    """Fill in the values that the rows of a group share; return in how many rows, by meaning.

    `rows` are one sheet's, in order. `ignored_rows`: by row number. `merged`: the merged cells of the sheet.
    """
    counts: dict[Meaning, int] = {}
    for meaning in _FILLED_MEANINGS:
        areas = [area for area in merged if area.left == area.right == columns.get(meaning)]
        count = _fill_merged(rows, meaning, areas) if areas else 0
        from_cells = meaning in columns and _is_written_once(rows, meaning)
        if from_cells or meaning is Meaning.COMMUNE:
            count += _fill_groups(rows, ignored_rows, meaning, from_cells=from_cells)
        if count:
            counts[meaning] = count
    return counts


def _fill_merged(rows: Sequence[ParsedRow], meaning: Meaning, areas: Sequence[MergedRange]) -> int:
    values = {row.number: row.cells[meaning.value] for row in rows if meaning.value in row.cells}
    tops = {number: area.top for area in areas for number in range(area.top + 1, area.bottom + 1)}
    count = 0
    for row in rows:
        value = values.get(tops.get(row.number, 0))
        if value and not row.ignored and meaning.value not in row.cells:
            row.cells[meaning.value] = value
            count += 1
    return count


def _is_written_once(rows: Sequence[ParsedRow], meaning: Meaning) -> bool:
    """Whether a column is filled only in the first row of each group."""
    key = meaning.value
    values = [row.cells.get(key, "") for row in rows if not row.ignored]
    if not values or not values[0]:
        return False
    filled = [value for value in values if value]
    if len(values) - len(filled) < MIN_BLANK_SHARE * len(values):
        return False
    # A merely incomplete column repeats the same communes.
    repeated = sum(1 for one, other in pairwise(values) if one and one == other)
    return repeated <= MAX_REPEATED_SHARE * len(filled) and len(set(filled)) >= MIN_DISTINCT_SHARE * len(filled)


def _fill_groups(
    rows: Sequence[ParsedRow], ignored_rows: Mapping[int, IgnoredRow], meaning: Meaning, *, from_cells: bool
) -> int:
    """Fill in the value of each group: that of its first row, `from_cells`, or of a heading, « Commune de Nîmes »."""
    value, postal, count = "", "", 0
    for row in rows:
        ignored_row = ignored_rows.get(row.number)
        own_value, own_postal = row.cells.get(meaning.value, ""), row.cells.get(Meaning.POSTAL_CODE.value, "")
        if ignored_row is not None:
            if ignored_row.ends_group:
                value, postal = ignored_row.commune if meaning is Meaning.COMMUNE else "", ""
        elif own_value:
            if from_cells:
                value, postal = own_value, own_postal
        # A commune has one postal code.
        elif value and (meaning is not Meaning.COMMUNE or not own_postal or postal in ("", own_postal)):
            row.cells[meaning.value] = value
            count += 1
    return count


# Columns that are parts of one number, read as their sum: « 2 + 3 + 1 = 6 ». Pure.
#
# The sum is written with its parts, so that the member sees where it comes from, and is parsed as any other cell.

#: Cells that mean « none » beside numbers.
_NONE = frozenset(("", "-", "–", "—"))
#: Stands for a part that is not in the file: a sum without it would be too low.
_UNKNOWN = "?"


def write_sum(cells: Sequence[CellValue]) -> CellValue:
    """Return the text of a sum with its parts; the only part where the others are empty, "" where all are."""
    parts = [cell for cell in cells if cell_to_text(cell) not in _NONE]
    if len(parts) < 2:  # noqa: PLR2004 - no sum
        return parts[0] if parts else ""
    numbers = [parse_quantity(part) for part in parts]
    counts = [number for number in numbers if isinstance(number, int)]
    if len(counts) < len(numbers):
        return " + ".join(map(cell_to_text, parts))
    return f"{' + '.join(map(str, counts))} = {sum(counts)}"


class _SummedColumns:
    """The columns whose sum a number is, and what their cells lack."""

    def __init__(self, sheet: WorkbookSheet, sums: Collection[Sequence[int]]) -> None:
        self._sums = sums
        firsts = {index: columns[0] for columns in sums for index in columns}
        # A number shared by several rows stands in the first of them alone.
        shared = {
            (row, index)
            for area in sheet.merged
            for index in firsts
            if area.left <= index <= area.right
            for row in range(area.top + 1, min(area.bottom, sheet.height) + 1)
        }
        self._missing = shared | {place for place in sheet.uncomputed | sheet.errors if place[1] in firsts}
        self.uncomputed = sheet.uncomputed | {(row, firsts[i]) for row, i in sheet.uncomputed if i in firsts}
        # The text of the sum says where the error is.
        self.errors = frozenset(place for place in sheet.errors if place[1] not in firsts)

    def sum_row(self, number: int, row: CellRow) -> CellRow:
        """Return a row with, in the first of the columns of each sum, the sum of them all."""
        for columns in self._sums:
            cells = [_UNKNOWN if (number, i) in self._missing else row[i] if i < len(row) else "" for i in columns]
            if any(index < len(row) for index in columns):
                row = [*row, *[""] * (columns[0] + 1 - len(row))]
                row[columns[0]] = write_sum(cells)
        return row


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
    sums: Collection[Sequence[int]] = (),
    progress: Callable[[int], None],
) -> SheetBody:
    """Return the rows of a table that are not blank, up to the titles of another one.

    `rows`: those of the sheet, with their numbers. `sums`: columns that are parts of one number. `progress` is called
    now and then with the row number.
    """
    first = detected.header_row or 0
    parser = _BodyParser(detected, columns, volume, communes, sums)
    next_header = None
    for number, row in rows:
        if number % PROGRESS_INTERVAL == 0:
            progress(number)
        if number > first and not parser.add(number, row):
            next_header = number, row
            break
    _split_postal_communes(parser.rows, columns)
    if Meaning.KIND in columns:
        expand_level_letters(parser.rows)
    filled = fill_values(parser.rows, parser.ignored_rows, columns, detected.sheet.merged)
    return SheetBody(parser.rows, filled, next_header)


class _BodyParser:
    """Collects the rows of one table."""

    def __init__(
        self,
        detected: DetectedSheet,
        columns: Mapping[Meaning, int],
        volume: Meaning | None,
        communes: frozenset[str],
        sums: Collection[Sequence[int]],
    ) -> None:
        self.rows: list[ParsedRow] = []
        #: By row number.
        self.ignored_rows: dict[int, IgnoredRow] = {}
        self._sheet = detected.index
        summed = _SummedColumns(detected.sheet, sums)
        self._columns = list_columns(columns)
        self._uai_column = columns.get(Meaning.UAI, -1)
        self._naming_columns = [columns[meaning] for meaning in NAMING_COLUMNS if meaning in columns]
        self._volume = volume
        self._sum_row = summed.sum_row if sums else None
        self._uncomputed = summed.uncomputed
        self._errors: dict[int, list[int]] = {}
        for number, column in summed.errors:
            self._errors.setdefault(number, []).append(column)
        self._titles = detected.titles
        texts = {text for title in detected.titles for text in (title.text, title.parent, title.child)} - {""}
        self._detector = IgnoredRowDetector(columns, texts, communes, detected.sample)
        # Licences since the last total, and in all; each with its number of rows.
        self._sums = [(0, 0), (0, 0)]

    def add(self, number: int, row: CellRow) -> bool:
        """Parse a row, or record why it is ignored; return False where another table begins with it."""
        if number in self._errors:
            row = [ERROR_TEXT if index in self._errors[number] else cell for index, cell in enumerate(row)]
        if self._sum_row is not None:
            row = self._sum_row(number, row)
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
                self._sums[0] = (0, 0)
                return True
        checked = parse_row(self._sheet, number, row, self._columns, volume=self._volume, uncomputed=self._uncomputed)
        self.rows.append(checked)
        if checked.units:
            self._sums = [(total + checked.units, count + 1) for total, count in self._sums]
        return True

    def _sum(self, number: int, row: CellRow) -> IgnoredRow | None:
        """Return `UNLABELLED_SUM` for a row that names no school and has the sum of those above."""
        if self._volume is None or not self._detector.names_no_school(row):
            return None
        units = parse_row(self._sheet, number, row, self._columns, volume=self._volume).units
        is_sum = units and any(units == total and count >= MIN_SUMMED_ROWS for total, count in self._sums)
        return UNLABELLED_SUM if is_sum else None


def _split_postal_communes(rows: list[ParsedRow], columns: Mapping[Meaning, int]) -> None:
    """Split cells such as « 30000 Nîmes » into postal code and commune."""
    if Meaning.COMMUNE not in columns:
        return
    one_column = columns.get(Meaning.POSTAL_CODE, columns[Meaning.COMMUNE]) == columns[Meaning.COMMUNE]
    for row in rows:
        text = row.cells.get("commune", "")
        # A fast first test.
        if not text or row.ignored or not (text[0].isdecimal() or text[0] == "F" or text[-1] in "0123456789)"):
            continue
        match = POSTAL_TOWN.fullmatch(text)
        if match is not None:
            row.cells["commune"] = match[2] or match[3]
            if one_column or "postal_code" not in row.cells:
                row.cells["postal_code"] = match[1] or match[4]
