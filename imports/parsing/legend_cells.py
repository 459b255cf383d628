"""Find the cells that may be a legend of colours while the rows of a sheet are read. Pure.

A legend stands above the titles, beside the table under no title, in a row with little else, or on a sheet of its
own. A list of 60,000 rows must not pay for it: the cells of schools are not looked at, and of the other rows the
first and the last ones only.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from imports.formats.sheet_types import CellRow, WorkbookSheet
from imports.meanings import LISTS_SHEET
from imports.parsing.colour_legends import (
    MAX_LEGEND_LENGTH,
    ColourStatement,
    is_colour_alone,
    is_refusing_label,
    read_legend,
)
from imports.parsing.sheet_selection import DetectedSheet

#: Rows below the titles that are looked at, from the beginning and from the end.
MAX_FIRST_ROWS, MAX_LAST_ROWS = 200, 60
#: Cells kept of the sheets that are not read.
MAX_LEGEND_CELLS = 30
#: Rows of a sheet with a legend and nothing else.
MAX_LEGEND_ROWS = 40
#: A row with at most so many filled cells has little else.
MAX_SPARSE_CELLS = 2
_UAI = re.compile(r"[0-9]{7}[A-Za-z]")


class LegendCell(NamedTuple):
    """A text that may be a legend. Without statements, it refuses what has the colour of the cell or of one beside."""

    sheet: WorkbookSheet
    #: From 1, and from 0.
    row: int
    column: int
    text: str
    statements: Sequence[ColourStatement]
    #: Under a title of the table, in a row with little else; and in a row with nothing else.
    is_inside: bool = False
    is_alone: bool = False
    #: On a sheet that is not read.
    is_elsewhere: bool = False
    #: The empty cells left and right of it.
    blanks: Sequence[int] = ()


class LegendFinder:
    """Collects the cells of one sheet; what it found may be looked at when all rows are read."""

    def __init__(self, detected: DetectedSheet, elsewhere: Iterable[LegendCell] = ()) -> None:
        self.found: list[LegendCell] = list(elsewhere)
        self._sheet, self._header_row = detected.sheet, detected.header_row or 0
        self._width = len(detected.titles)
        self._sparse = max(MAX_SPARSE_CELLS, self._width // 2)
        has_titles = any(title.text for title in detected.titles)
        self._untitled = [at for at, title in enumerate(detected.titles) if has_titles and not title.text]
        self._read_rows = 0
        #: The last of the rows that may hold a legend.
        self._last: deque[tuple[int, CellRow]] = deque(maxlen=MAX_LAST_ROWS)

    def watch(self, rows: Iterable[CellRow]) -> Iterator[CellRow]:
        """Iterate over the rows, and collect on the way."""
        # A full row of a table without blank titles is that of a school.
        only_schools_are_full = self._width > self._sparse and not self._untitled
        for number, row in enumerate(rows, start=1):
            if number <= self._header_row:
                self.found += read_cells(self._sheet, number, row, range(len(row)))
            elif not (only_schools_are_full and len(row) == self._width and all(row)):
                self._choose(number, row)
            yield row
        for number, row in self._last:
            self._read(number, row)

    def _choose(self, number: int, row: CellRow) -> None:
        """Read a row with cells outside the table or little else: the first ones at once, the last ones at the end."""
        may_have_more = bool(self._untitled) or len(row) > self._width
        has_more = may_have_more and any(row[at] != "" for at in self._list_outside(row))
        if not has_more and not 0 < len(row) - row.count("") <= self._sparse:
            return
        if self._read_rows < MAX_FIRST_ROWS:
            self._read_rows += 1
            self._read(number, row)
        else:
            self._last.append((number, row))

    def _read(self, number: int, row: CellRow) -> None:
        outside = self._list_outside(row)
        filled = len(row) - row.count("")
        columns = range(len(row)) if filled <= self._sparse else outside
        self.found += [
            cell._replace(is_inside=cell.column not in outside, is_alone=filled == 1)
            for cell in read_cells(self._sheet, number, row, columns)
        ]

    def _list_outside(self, row: CellRow) -> list[int]:
        """Return the columns of a row that have no title."""
        return [*(at for at in self._untitled if at < len(row)), *range(self._width, len(row))]


def find_legends_elsewhere(sheets: Iterable[WorkbookSheet], lists: Collection[str]) -> list[LegendCell]:
    """Return the cells of the sheets that are none of the `lists`, by name, and too short to be one."""
    found: list[LegendCell] = []
    for sheet in sheets:
        if sheet.name in lists or sheet.name == LISTS_SHEET or sheet.height > MAX_LEGEND_ROWS:
            continue
        rows = list(islice(sheet.rows(), MAX_LEGEND_ROWS))
        if any(isinstance(cell, str) and _UAI.fullmatch(cell.strip()) for row in rows for cell in row):
            continue
        for number, row in enumerate(rows, start=1):
            found += read_cells(sheet, number, row, range(len(row)))
    return [cell._replace(is_elsewhere=True) for cell in found[:MAX_LEGEND_CELLS]]


def read_cells(sheet: WorkbookSheet, number: int, row: CellRow, columns: Iterable[int]) -> Iterator[LegendCell]:
    """Iterate over the cells of a row, in these columns, that may be a legend."""
    for column in columns:
        cell = row[column]
        if type(cell) is not str or not cell or len(cell) > MAX_LEGEND_LENGTH:
            continue
        text = " ".join(cell.split())
        statements = read_legend(cell)
        after = row[column + 1] if column + 1 < len(row) else ""
        if statements and isinstance(after, str) and after and is_colour_alone(text):
            # « Rouge » and, in the next cell, « Ne participe pas ».
            text = f"{text} : {' '.join(after.split())}"
            statements = read_legend(text)
        if statements or is_refusing_label(text):
            beside = [at for at in (column - 1, column + 1) if at >= 0 and (at >= len(row) or row[at] == "")]
            yield LegendCell(sheet, number, column, text, statements, blanks=beside)
