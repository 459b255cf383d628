"""Annotated workbook built from parsed values, for files that openpyxl cannot load.

Streamed row by row, in constant memory.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.utils import get_column_letter

from imports.meanings import ADDED_TITLES, is_added
from imports.readers.opening import open_workbook
from imports.workbooks import lists, painting
from imports.workbooks.annotating import WIDTHS, Added
from imports.workbooks.writing import WRAPPED, cell_of, header, saved, set_widths, sheet_name, text_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imports.readers.sheets import Row, Sheet
    from imports.workbooks.marks import Mark, Place

WIDEST = 50
_WIDTH_SAMPLE_ROWS = 200


def rebuild(content: bytes, place: Place, marks: Sequence[Mark], sign: Callable[[Workbook, int], None]) -> bytes:
    """Return an annotated workbook of all sheets' values. `sign`: as for `annotate`."""
    read = open_workbook(content)
    of_sheet: dict[int, dict[int, Mark]] = defaultdict(dict)
    for mark in marks:
        of_sheet[mark.sheet][mark.number] = mark
    book = Workbook(write_only=True)
    added = Added(_first_added(read.sheets, place), lists.Lists(book), painting.Notes())
    for index, sheet in enumerate(read.sheets):
        if sheet.name == lists.OWN_SHEET:
            continue
        _SheetWriter(book, sheet, index, added).write(place, of_sheet[index])
    added.offers.write()
    sign(book, added.first + 2)
    return saved(book)


class _SheetWriter:
    """Writes one sheet."""

    def __init__(self, book: Workbook, sheet: Sheet, index: int, added: Added) -> None:
        self.sheet, self.index = sheet, index
        self.first, self.offers, self.notes = added
        self.page: Any = book.create_sheet(sheet_name(sheet.name, index + 1))

    def write(self, place: Place, marks: dict[int, Mark]) -> None:
        is_annotated = self.index in place.headers
        top = place.headers.get(self.index)
        widths = _widths(self.sheet)
        set_widths(self.page, widths[: self.first] if is_annotated else widths)
        if is_annotated:
            set_widths(self.page, WIDTHS, first=self.first + 1)
            self.page.freeze_panes = f"A{(top or 0) + 1}" if top else None
        for number, row in enumerate(self.sheet.rows(), start=1):
            if is_annotated and number == top:
                self.page.append(self._titles(row))
            elif number in marks:
                self.page.append(self._marked(row, marks[number], place.first))
            else:
                self.page.append([cell_of(self.page, value) for value in (self._data(row) if is_annotated else row)])
        if marks:
            self._attach((top or 0) + 1)

    def _data(self, row: Row) -> Row:
        """Return a row without the texts of an earlier annotation, keeping its choice."""
        choice = row[self.first + 2 : self.first + 3]
        return [*row[: self.first], *(["", "", *choice] if choice else [])]

    def _titles(self, row: Row) -> list[Any]:
        titles = [str(value) if value is not None else "" for value in row[: self.first]]
        return header(self.page, [*titles, *[""] * (self.first - len(titles)), *ADDED_TITLES])

    def _marked(self, row: Row, mark: Mark, row_column: int) -> list[Any]:
        choice = row[self.first + 2] if len(row) > self.first + 2 else ""
        cells: list[Any] = [cell_of(self.page, value) for value in row[: self.first]]
        cells += [None] * (self.first - len(cells))
        by_cell: dict[int, list[Any]] = defaultdict(list)
        for fault in mark.faults:
            by_cell[row_column if fault.column is None else fault.column].append(fault)
        for column, faults in by_cell.items():
            cell = cells[column]
            if not isinstance(cell, Cell):
                cell = WriteOnlyCell(self.page, cell)
            cell.fill = painting.fill(grave=any(fault.grave for fault in faults))
            self.notes.add(cell, [fault.words for fault in faults])
            cells[column] = cell
        proposals = "\n".join(mark.proposals)
        texts = [text_cell(self.page, text) for text in ("\n".join(f.words for f in mark.faults), proposals)]
        for cell in texts:
            cell.alignment = WRAPPED
        self.offers.offer(proposals, mark.proposals)
        return [*cells, *texts, cell_of(self.page, choice)]

    def _attach(self, top: int) -> None:
        rule = lists.validation(get_column_letter(self.first + 2), top)
        letter = get_column_letter(self.first + 3)
        rule.add(f"{letter}{top}:{letter}{max(top, self.sheet.height)}")
        self.page.data_validations.append(rule)


def _first_added(sheets: Sequence[Sheet], place: Place) -> int:
    """Return the index (from 0) of the first added column."""
    widest = 0
    for index in place.headers:
        for number, row in enumerate(sheets[index].rows(), start=1):
            if number == place.headers[index]:
                found = next((i for i, title in enumerate(row) if isinstance(title, str) and is_added(title)), None)
                if found is not None:
                    return found
            widest = max(widest, len(row))
    return widest


def _widths(sheet: Sheet) -> list[int]:
    widths: list[int] = []
    for number, row in enumerate(sheet.rows()):
        if number > _WIDTH_SAMPLE_ROWS:
            break
        widths += [8] * (len(row) - len(widths))
        for column, value in enumerate(row):
            widths[column] = min(WIDEST, max(widths[column], len(str(value)) + 2))
    return widths
