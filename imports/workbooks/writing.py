"""Cells that stay what they are: a school called « =1+1 » must compute nothing on the reader's machine."""

from __future__ import annotations

import datetime
import io
import re
from typing import TYPE_CHECKING, Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

BOLD = Font(bold=True)
HEADER_FILL = PatternFill("solid", fgColor="FFDCE6F1")
WRAPPED = Alignment(wrap_text=True, vertical="top")
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@")
#: The same, and what it takes for an error.
_GUARDED = (*_FORMULA, "#")
#: What a sheet's name may not hold, nor be longer than.
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
LONGEST_NAME = 31
LONGEST_CELL = 32_000


def as_text(cell: Cell, text: str) -> None:
    """Put a text into a cell, never a formula; what no workbook can hold is left out."""
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)[:LONGEST_CELL]
    cell.data_type = "s"
    if text.startswith(_FORMULA):
        # Kept as text even when somebody edits the cell.
        cell.quotePrefix = True


def text_cell(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    """Return such a cell for a sheet that is written row by row."""
    cell: Cell = WriteOnlyCell(sheet)
    as_text(cell, text)
    return cell


def cell_of(sheet: WriteOnlyWorksheet, value: Any) -> Cell | Any:
    """Return what stands for a value that was read: text stays text, numbers and dates stay themselves."""
    if isinstance(value, str):
        if value.startswith(_GUARDED) or not value.isprintable():
            return text_cell(sheet, value)
        return value[:LONGEST_CELL] or None
    if isinstance(value, bool | int | float | datetime.date | datetime.time | datetime.timedelta) or value is None:
        return value
    return text_cell(sheet, str(value))


def header(sheet: WriteOnlyWorksheet, titles: Iterable[str]) -> list[Cell]:
    """Return the cells of a row of titles."""
    cells = [text_cell(sheet, title) for title in titles]
    for cell in cells:
        cell.font, cell.fill, cell.alignment = BOLD, HEADER_FILL, WRAPPED
    return cells


def set_widths(sheet: Any, widths: Sequence[int], *, first: int = 1) -> None:
    """Set the widths of columns, in characters, from the column numbered `first` on (1 is A)."""
    for number, width in enumerate(widths, start=first):
        sheet.column_dimensions[get_column_letter(number)].width = width


def sheet_name(name: str, number: int) -> str:
    """Return a name that a sheet may have: itself where it may. `number`, from 1, names one that has none."""
    return _NOT_IN_NAMES.sub(" ", name).strip().strip("'")[:LONGEST_NAME] or f"Feuille {number}"


def saved(book: Workbook) -> bytes:
    """Return the workbook's bytes."""
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
