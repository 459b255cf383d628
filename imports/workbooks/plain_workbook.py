"""Plain workbooks: sheets with a header row and rows, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openpyxl import Workbook

from imports.workbooks.safe_cells import build_cell, build_header, save_to_bytes, set_widths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class WorksheetContent(NamedTuple):
    """Content of a sheet: name, column titles, column widths in characters, rows."""

    name: str
    titles: Sequence[str]
    widths: Sequence[int]
    rows: Iterable[Sequence[Any]]


def build_workbook(*pages: WorksheetContent) -> bytes:
    """Return a workbook of these sheets. Texts are never formulas."""
    book = Workbook(write_only=True)
    for page in pages:
        sheet = book.create_sheet(page.name)
        set_widths(sheet, page.widths)
        sheet.freeze_panes = "A2"
        sheet.append(build_header(sheet, page.titles))
        for row in page.rows:
            sheet.append([build_cell(sheet, value) for value in row])
    return save_to_bytes(book)
