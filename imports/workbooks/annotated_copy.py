"""Annotated workbook built from parsed values, for files that openpyxl cannot load.

Streamed row by row, in constant memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.utils import get_column_letter

from core.workbook import (
    build_cell,
    build_header,
    build_text_cell,
    clean_sheet_name,
    save_to_bytes,
    set_widths,
)
from imports.formats.sheet_types import CellRow, WorkbookSheet
from imports.meanings import ADDED_TITLES, LISTS_SHEET
from imports.parsing.sheet_shapes import open_tables
from imports.workbooks import cell_marks, choice_lists
from imports.workbooks.annotated_original import ADDED_WIDTHS, AddedColumns, locate_added_columns
from imports.workbooks.marks import RowMarks, TableLocation
from imports.workbooks.style_cache import StyleCache

MAX_WIDTH = 50
_WIDTH_SAMPLE_ROWS = 200


def rebuild(
    content: bytes, place: TableLocation, marks: Sequence[RowMarks], sign: Callable[[Workbook, int], None]
) -> bytes:
    """Return an annotated workbook of all sheets' values. `sign`: as for `annotate`."""
    read = open_tables(content)
    of_sheet: dict[int, dict[int, RowMarks]] = defaultdict(dict)
    for mark in marks:
        of_sheet[mark.sheet][mark.number] = mark
    book = Workbook(write_only=True)
    added = AddedColumns(
        _first_added(read.sheets, place), choice_lists.ChoiceLists(book), cell_marks.NoteWriter(), StyleCache()
    )
    for index, sheet in enumerate(read.sheets):
        if sheet.name == LISTS_SHEET:
            continue
        _SheetWriter(book, sheet, index, added).write(place, of_sheet[index])
    added.offers.write()
    sign(book, added.first + 2)
    return save_to_bytes(book)


class _SheetWriter:
    """Writes one sheet."""

    def __init__(self, book: Workbook, sheet: WorkbookSheet, index: int, added: AddedColumns) -> None:
        self.sheet, self.index = sheet, index
        self.first, self.offers, self.notes, self.styles = added
        self.page: Any = book.create_sheet(clean_sheet_name(sheet.name, index + 1))

    def write(self, place: TableLocation, marks: dict[int, RowMarks]) -> None:
        is_annotated = self.index in place.headers
        top = place.headers.get(self.index)
        widths = _widths(self.sheet)
        set_widths(self.page, widths[: self.first] if is_annotated else widths)
        if is_annotated:
            set_widths(self.page, ADDED_WIDTHS, first=self.first + 1)
            self.page.freeze_panes = f"A{(top or 0) + 1}" if top else None
        for number, row in enumerate(self.sheet.rows(), start=1):
            if is_annotated and (number == top or (self.index, number) in place.lower_headers):
                self.page.append(self._titles(row))
            elif number in marks:
                self.page.append(self._marked(row, marks[number], place.first))
            else:
                self.page.append([build_cell(self.page, value) for value in (self._data(row) if is_annotated else row)])
        if marks:
            self._attach((top or 0) + 1)

    def _data(self, row: CellRow) -> CellRow:
        """Return a row without the texts of an earlier annotation, keeping its choice."""
        choice = row[self.first + 2 : self.first + 3]
        return [*row[: self.first], *(["", "", *choice] if choice else [])]

    def _titles(self, row: CellRow) -> list[Any]:
        titles = [str(value) if value is not None else "" for value in row[: self.first]]
        return build_header(self.page, [*titles, *[""] * (self.first - len(titles)), *ADDED_TITLES])

    def _marked(self, row: CellRow, mark: RowMarks, row_column: int) -> list[Any]:
        choice = row[self.first + 2] if len(row) > self.first + 2 else ""
        cells: list[Any] = [build_cell(self.page, value) for value in row[: self.first]]
        cells += [None] * (self.first - len(cells))
        by_cell: dict[int, list[Any]] = defaultdict(list)
        for fault in mark.faults:
            by_cell[row_column if fault.column is None else fault.column].append(fault)
        for column, faults in by_cell.items():
            cell = cells[column]
            if not isinstance(cell, Cell):
                cell = WriteOnlyCell(self.page, cell)
            self.styles.apply(cell_marks.choose_colour(faults), cell)
            self.notes.add(cell, [fault.words for fault in faults])
            cells[column] = cell
        proposals = "\n".join(mark.proposals)
        texts = [build_text_cell(self.page, text) for text in ("\n".join(f.words for f in mark.faults), proposals)]
        for cell in texts:
            self.styles.apply(cell_marks.wrap_text, cell)
        self.offers.offer(proposals, mark.proposals)
        chosen = build_text_cell(self.page, mark.choice) if mark.choice else build_cell(self.page, choice)
        return [*cells, *texts, chosen]

    def _attach(self, top: int) -> None:
        rule = choice_lists.build_validation(get_column_letter(self.first + 2), top)
        letter = get_column_letter(self.first + 3)
        rule.add(f"{letter}{top}:{letter}{max(top, self.sheet.height)}")
        self.page.data_validations.append(rule)


def _first_added(sheets: Sequence[WorkbookSheet], place: TableLocation) -> int:
    titles = (next(islice(sheets[index].rows(), row - 1, None), []) for index, row in place.headers.items() if row)
    width = max((len(row) for index in place.headers for row in sheets[index].rows()), default=0)
    return locate_added_columns(titles, width)


def _widths(sheet: WorkbookSheet) -> list[int]:
    widths: list[int] = []
    for number, row in enumerate(sheet.rows()):
        if number > _WIDTH_SAMPLE_ROWS:
            break
        widths += [8] * (len(row) - len(widths))
        for column, value in enumerate(row):
            widths[column] = min(MAX_WIDTH, max(widths[column], len(str(value)) + 2))
    return widths
