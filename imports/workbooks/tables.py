"""Plain workbooks: sheets with titles and rows, written row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openpyxl import Workbook

from imports.workbooks.writing import cell_of, header, saved, set_widths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Page(NamedTuple):
    """One sheet: its name, its columns' titles and widths in characters, and its rows."""

    name: str
    titles: Sequence[str]
    widths: Sequence[int]
    rows: Iterable[Sequence[Any]]


def workbook(*pages: Page) -> bytes:
    """Return a workbook of these sheets. Texts stay text, whatever they begin with."""
    book = Workbook(write_only=True)
    for page in pages:
        sheet = book.create_sheet(page.name)
        set_widths(sheet, page.widths)
        sheet.freeze_panes = "A2"
        sheet.append(header(sheet, page.titles))
        for row in page.rows:
            sheet.append([cell_of(sheet, value) for value in row])
    return saved(book)
