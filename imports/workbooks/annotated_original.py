"""Annotate the original workbook: problem cells coloured, with notes, and choices in added columns.

Only marked rows are changed. Everything that openpyxl preserves is kept: formats, other sheets, formulas, hidden
columns, merged cells, notes, print settings, macros. Three columns are added to the right of the data, or refilled if
an earlier annotation added them; its colours and notes are removed first.
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import openpyxl
from openpyxl import Workbook
from openpyxl.cell import Cell, MergedCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.worksheet.worksheet import Worksheet

from core.workbook import BOLD, HEADER_FILL, WRAPPED, save_to_bytes, set_text, set_widths
from imports.meanings import ADDED_TITLES, is_added_title
from imports.workbooks import cell_marks, choice_lists
from imports.workbooks.formula_results import read_results, restore_results
from imports.workbooks.marks import RowMarks, TableLocation
from imports.workbooks.style_cache import StyleCache

ADDED_WIDTHS = (60, 44, 44)


class SheetsReshaped(Exception):
    """The tables were read from sheets that the file does not have: its sheets were turned or parted."""


class AddedColumns(NamedTuple):
    """Additions to a workbook: index (from 0) of the first of three columns, choice lists, notes, styles."""

    first: int
    offers: choice_lists.ChoiceLists
    notes: cell_marks.NoteWriter
    styles: StyleCache


def locate_added_columns(title_rows: Iterable[Iterable[object]], width: int) -> int:
    """Return the index (from 0) of the first added column: the existing one, else the first after all data."""
    for titles in title_rows:
        for index, title in enumerate(titles):
            if isinstance(title, str) and is_added_title(title):
                return index
    return width


def annotate(
    content: bytes,
    place: TableLocation,
    marks: Sequence[RowMarks],
    sign: Callable[[Workbook, int], None],
    *,
    macros: bool,
) -> bytes:
    """Return the annotated workbook. `sign`: called with it and the index (from 0) of the choice column.

    Raises `SheetsReshaped` where the tables are not those of its sheets, and any exception of openpyxl on an
    unsupported workbook.
    """
    with warnings.catch_warnings():
        # It warns about every feature that it drops.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(content), keep_vba=macros)
    try:
        return _annotate(book, content, place, marks, sign)
    finally:
        if book.vba_archive is not None:
            # openpyxl does not close the archive of the macros.
            book.vba_archive.close()


def _annotate(
    book: Workbook,
    content: bytes,
    place: TableLocation,
    marks: Sequence[RowMarks],
    sign: Callable[[Workbook, int], None],
) -> bytes:
    if missing := set(place.names) - set(book.sheetnames):
        raise SheetsReshaped(*sorted(missing))
    results = read_results(book, content)
    of_sheet: dict[int, list[RowMarks]] = defaultdict(list)
    for mark in marks:
        of_sheet[mark.sheet].append(mark)
    sheets: dict[int, Any] = {index: book[place.names[index]] for index in place.headers}
    first = locate_added_columns(_read_titles(sheets, place), _measure_width(sheets, place))
    added = AddedColumns(first, choice_lists.ChoiceLists(book), cell_marks.NoteWriter(), StyleCache())
    for index, sheet in sheets.items():
        cell_marks.remove_marks(sheet)
        _split_column_spans(sheet, first)
        _write_titles(sheet, place.headers[index], first)
        body = (place.headers[index] or 0) + 1
        for row in range(body, sheet.max_row + 1):
            for column in (first, first + 1):
                if (row, column + 1) in sheet._cells:  # noqa: SLF001 - `sheet.cell` would create the cell
                    sheet.cell(row, column + 1).value = None
        for _, header_row in (lower for lower in place.lower_headers if lower[0] == index):
            _write_titles(sheet, header_row, first)
        for mark in of_sheet[index]:
            _mark_row(sheet, mark, place.first, added)
        if of_sheet[index]:
            added.offers.attach(sheet, first, body, sheet.max_row)
    added.offers.write()
    sign(book, first + 2)
    return restore_results(save_to_bytes(book), results)


def _mark_row(sheet: Worksheet, mark: RowMarks, row_column: int, added: AddedColumns) -> None:
    by_cell: dict[int, list[Any]] = defaultdict(list)
    for fault in mark.faults:
        by_cell[row_column if fault.column is None else fault.column].append(fault)
    for column, faults in by_cell.items():
        cell = _anchor(sheet, mark.number, column + 1)
        added.styles.apply(cell_marks.choose_colour(faults), cell)
        added.notes.add(cell, [fault.words for fault in faults])
    texts = ("\n".join(fault.words for fault in mark.faults), "\n".join(mark.proposals))
    for offset, text in enumerate(texts):
        beside = _anchor(sheet, mark.number, added.first + offset + 1)
        set_text(beside, text)
        added.styles.apply(cell_marks.wrap_text, beside)
    added.offers.offer(texts[1], mark.proposals)
    choice = _anchor(sheet, mark.number, added.first + 3)
    if mark.choice:
        set_text(choice, mark.choice)
    # Editable even in a protected sheet.
    added.styles.apply(cell_marks.unlock_cell, choice)


def _anchor(sheet: Worksheet, row: int, column: int) -> Cell:
    """Return a cell, or the top-left cell of its merged area."""
    cell: Any = sheet.cell(row, column)
    if isinstance(cell, MergedCell):
        area = next(area for area in sheet.merged_cells.ranges if cell.coordinate in area)
        cell = sheet.cell(area.min_row, area.min_col)
    found: Cell = cell
    return found


def _read_titles(sheets: dict[int, Worksheet], place: TableLocation) -> Iterator[list[object]]:
    for index, sheet in sheets.items():
        if row := place.headers[index]:
            yield [sheet.cell(row, column + 1).value for column in range(place.width)]


def _measure_width(sheets: dict[int, Worksheet], place: TableLocation) -> int:
    """Return the number of columns up to the last with a value."""
    return max(
        (
            column
            for sheet in sheets.values()
            for (_, column), cell in sheet._cells.items()  # noqa: SLF001 - iterating rows would create cells
            if cell.value is not None
        ),
        default=place.width,
    )


def _split_column_spans(sheet: Worksheet, first: int) -> None:
    """Split column spans with common format or visibility that overlap the added columns."""
    begins, ends = first + 1, first + len(ADDED_TITLES)
    for letter, span in list(sheet.column_dimensions.items()):
        least, most = span.min or 0, span.max or 0
        if most < begins or least > ends:
            continue
        del sheet.column_dimensions[letter]
        for low, high in ((least, begins - 1), (ends + 1, most)):
            if low <= high:
                key = get_column_letter(low)
                sheet.column_dimensions[key] = ColumnDimension(
                    sheet, index=key, min=low, max=high, width=span.width, hidden=span.hidden,
                    outlineLevel=span.outlineLevel, style=span.style if span.has_style else None,
                )  # fmt: skip
    set_widths(sheet, ADDED_WIDTHS, first=begins)


def _write_titles(sheet: Worksheet, header_row: int | None, first: int) -> None:
    """Write the titles of the added columns, if there is a header row."""
    if header_row is None:
        return
    for offset, title in enumerate(ADDED_TITLES):
        cell = _anchor(sheet, header_row, first + offset + 1)
        set_text(cell, title)
        cell.font, cell.fill, cell.alignment = BOLD, HEADER_FILL, WRAPPED
