"""Columns that are parts of one number, read as their sum: « 2 + 3 + 1 = 6 ». Pure.

The sum is written with its parts, so that the member sees where it comes from, and is parsed as any other cell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from imports.formats.sheet_types import CellColours, CellRow, CellValue, WorkbookSheet
from imports.parsing.cells import cell_to_text
from imports.parsing.quantities import parse_quantity
from imports.parsing.sheet_selection import DetectedSheet

#: A row with its number, from 1.
type NumberedRow = tuple[int, CellRow]
#: Cells that mean « none » beside numbers.
_NONE = frozenset(("", "-", "–", "—"))
#: Stands for a part that is not in the file: a sum without it would be too low.
_UNKNOWN = "?"


def add_columns(
    detected: DetectedSheet, rows: Iterable[NumberedRow], sums: Collection[Sequence[int]]
) -> tuple[DetectedSheet, Iterable[NumberedRow]]:
    """Return a table and its rows with, in the first of the columns of each sum, the sum of them all."""
    if not sums:
        return detected, rows
    sheet = _SummedSheet(detected.sheet, sums)
    return replace(detected, sheet=sheet), ((number, sheet.sum_row(number, row)) for number, row in rows)


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


class _SummedSheet:
    """A `WorkbookSheet` whose rows have the sums in place of their first parts."""

    def __init__(self, sheet: WorkbookSheet, sums: Collection[Sequence[int]]) -> None:
        self._sheet, self._sums = sheet, sums
        self.name, self.hidden, self.merged = sheet.name, sheet.hidden, sheet.merged
        self.hidden_rows, self.hidden_columns, self.struck = sheet.hidden_rows, sheet.hidden_columns, sheet.struck
        parts = {index: columns[0] for columns in sums for index in columns}
        # A number shared by several rows stands in the first of them alone.
        shared = {
            (row, index)
            for area in sheet.merged
            for index in parts
            if area.left <= index <= area.right
            for row in range(area.top + 1, min(area.bottom, sheet.height) + 1)
        }
        unread = sheet.uncomputed | sheet.errors
        self._missing = shared | {(row, index) for row, index in unread if index in parts}
        missing_sums = frozenset((row, parts[index]) for row, index in sheet.uncomputed if index in parts)
        self.uncomputed = sheet.uncomputed | missing_sums
        # The text of the sum says where the error is.
        self.errors = frozenset(position for position in sheet.errors if position[1] not in parts)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self._sheet.height

    def read_colours(self) -> CellColours | None:
        """Return the colours of the cells; None where they cannot be told."""
        return self._sheet.read_colours()

    def rows(self) -> Iterator[CellRow]:
        """Iterate over the rows, with the sums."""
        for number, row in enumerate(self._sheet.rows(), start=1):
            yield self.sum_row(number, row)

    def sum_row(self, number: int, row: CellRow) -> CellRow:
        """Return a row with the sums."""
        summed = row
        for columns in self._sums:
            if any(index < len(row) for index in columns):
                summed = [*summed, *[""] * (columns[0] + 1 - len(summed))]
                summed[columns[0]] = write_sum([self._part(number, row, index) for index in columns])
        return summed

    def _part(self, number: int, row: CellRow, index: int) -> CellValue:
        if self._missing and (number, index) in self._missing:
            return _UNKNOWN
        return row[index] if index < len(row) else ""
