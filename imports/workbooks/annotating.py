"""The same workbook, with its faulty cells coloured, a note saying why, and what can be chosen in added columns.

Only the rows that are marked are touched. What openpyxl keeps is kept: formats, other sheets, formulas, hidden
columns, merged cells, notes, print settings, macros. Three columns are added at the right of each table, or filled
anew where a round before added them; colours and notes of that round are taken back first.
"""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import openpyxl
from openpyxl.cell import MergedCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.dimensions import ColumnDimension

from imports.meanings import ADDED_TITLES, is_added
from imports.workbooks import lists, painting
from imports.workbooks.results import results_of, with_results
from imports.workbooks.writing import BOLD, HEADER_FILL, WRAPPED, as_text, saved, set_widths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

    from imports.workbooks.marks import Mark, Place

WIDTHS = (60, 44, 44)


class Added(NamedTuple):
    """What is added to a workbook: three columns from this one on (from 0), lists to choose from, notes."""

    first: int
    offers: lists.Lists
    notes: painting.Notes


def annotate(
    content: bytes, place: Place, marks: Sequence[Mark], sign: Callable[[Workbook, int], None], *, macros: bool
) -> bytes:
    """Return the workbook with its rows marked. `sign` is given it and the column (from 0) added for choices.

    Raises whatever openpyxl raises on a workbook that is not to its taste.
    """
    with warnings.catch_warnings():
        # It warns of every ornament that it will leave out.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(content), keep_vba=macros)
    try:
        return _annotated(book, content, place, marks, sign)
    finally:
        if book.vba_archive is not None:
            # openpyxl leaves the archive of the macros open.
            book.vba_archive.close()


def _annotated(
    book: Workbook, content: bytes, place: Place, marks: Sequence[Mark], sign: Callable[[Workbook, int], None]
) -> bytes:
    results = results_of(book, content)
    of_sheet: dict[int, list[Mark]] = defaultdict(list)
    for mark in marks:
        of_sheet[mark.sheet].append(mark)
    sheets: dict[int, Any] = {index: book[place.names[index]] for index in place.headers}
    first = _first_added(sheets, place)
    added = Added(first, lists.Lists(book), painting.Notes())
    for index, sheet in sheets.items():
        painting.clean(sheet)
        _make_room(sheet, first)
        _titles(sheet, place.headers[index], first)
        body = (place.headers[index] or 0) + 1
        for row in range(body, sheet.max_row + 1):
            for column in (first, first + 1):
                if (row, column + 1) in sheet._cells:  # noqa: SLF001 - asking otherwise would make the cell
                    sheet.cell(row, column + 1).value = None
        for mark in of_sheet[index]:
            _mark(sheet, mark, place.first, added)
        if of_sheet[index]:
            added.offers.attach(sheet, first, body, sheet.max_row)
    added.offers.write()
    sign(book, first + 2)
    return with_results(saved(book), results)


def _mark(sheet: Worksheet, mark: Mark, whole: int, added: Added) -> None:
    by_cell: dict[int, list[Any]] = defaultdict(list)
    for fault in mark.faults:
        by_cell[whole if fault.column is None else fault.column].append(fault)
    for column, faults in by_cell.items():
        cell = _anchor(sheet, mark.number, column + 1)
        painting.paint(cell, grave=any(fault.grave for fault in faults))
        added.notes.add(cell, [fault.words for fault in faults])
    texts = ("\n".join(fault.words for fault in mark.faults), "\n".join(mark.proposals))
    for offset, text in enumerate(texts):
        beside = _anchor(sheet, mark.number, added.first + offset + 1)
        as_text(beside, text)
        beside.alignment = WRAPPED
    added.offers.offer(texts[1], mark.proposals)
    # To be filled in even where the sheet is protected.
    painting.open_for_typing(_anchor(sheet, mark.number, added.first + 3))


def _anchor(sheet: Worksheet, row: int, column: int) -> Cell:
    """Return a cell, or the one that holds the value of the merged area it is in."""
    cell: Any = sheet.cell(row, column)
    if isinstance(cell, MergedCell):
        area = next(area for area in sheet.merged_cells.ranges if cell.coordinate in area)
        cell = sheet.cell(area.min_row, area.min_col)
    return cell  # type: ignore[no-any-return]


def _first_added(sheets: dict[int, Worksheet], place: Place) -> int:
    """Return where our columns begin, from 0: where they stand already, else right of all that holds something."""
    for index, sheet in sheets.items():
        row = place.headers[index]
        if row is None:
            continue
        titles = [str(sheet.cell(row, column + 1).value or "") for column in range(place.width)]
        if found := next((i for i, title in enumerate(titles) if is_added(title)), None):
            return found
    return max(
        (
            column
            for sheet in sheets.values()
            for (_, column), cell in sheet._cells.items()  # noqa: SLF001 - going through rows would make cells
            if cell.value is not None
        ),
        default=place.width,
    )


def _make_room(sheet: Worksheet, first: int) -> None:
    """Let no span of columns that is formatted or hidden together reach over ours."""
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
    set_widths(sheet, WIDTHS, first=begins)


def _titles(sheet: Worksheet, header_row: int | None, first: int) -> None:
    """Write our titles beside the table's. A table without titles gets none: the mark says which column is which."""
    if header_row is None:
        return
    for offset, title in enumerate(ADDED_TITLES):
        cell = _anchor(sheet, header_row, first + offset + 1)
        as_text(cell, title)
        cell.font, cell.fill, cell.alignment = BOLD, HEADER_FILL, WRAPPED
