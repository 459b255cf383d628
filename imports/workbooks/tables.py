"""Plain workbooks: sheets with a header row and rows, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openpyxl import Workbook

from imports.workbooks.writing import cell_of, header, saved, set_widths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Page(NamedTuple):
    """Content of a sheet: name, column titles, column widths in characters, rows."""

    name: str
    titles: Sequence[str]
    widths: Sequence[int]
    rows: Iterable[Sequence[Any]]


def workbook(*pages: Page) -> bytes:
    """Return a workbook of these sheets. Texts are never formulas."""
    book = Workbook(write_only=True)
    for page in pages:
        sheet = book.create_sheet(page.name)
        set_widths(sheet, page.widths)
        sheet.freeze_panes = "A2"
        sheet.append(header(sheet, page.titles))
        for row in page.rows:
            sheet.append([cell_of(sheet, value) for value in row])
    return saved(book)
