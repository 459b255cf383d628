"""Cells of workbooks that openpyxl writes. Texts such as « =1+1 », whoever typed them, are never formulas."""

import datetime
import io
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from core.formulas import begins_formula

BOLD = Font(bold=True)
HEADER_FILL = PatternFill("solid", fgColor="FFDCE6F1")
WRAPPED = Alignment(wrap_text=True, vertical="top")
#: Prefix of error values.
_ERROR_PREFIX = "#"
#: Maximum characters of a cell.
MAX_CELL_LENGTH = 32_000


def set_text(cell: Cell, text: str) -> None:
    """Set a cell to a text, never a formula. Illegal characters are removed."""
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)[:MAX_CELL_LENGTH]
    cell.data_type = "s"
    if begins_formula(text):
        # Keeps it a text when the cell is edited.
        cell.quotePrefix = True


def build_text_cell(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    """Return such a cell for a write-only sheet."""
    cell: Cell = WriteOnlyCell(sheet)
    set_text(cell, text)
    return cell


def build_cell(sheet: WriteOnlyWorksheet, value: Any, *, moment_format: str = "") -> Cell | Any:
    """Return the cell or value for a parsed value: text stays text, numbers and dates are kept."""
    if moment_format and isinstance(value, datetime.datetime):
        cell = WriteOnlyCell(sheet, value)
        cell.number_format = moment_format
        return cell
    if isinstance(value, str):
        if begins_formula(value) or value.startswith(_ERROR_PREFIX) or not value.isprintable():
            return build_text_cell(sheet, value)
        return value[:MAX_CELL_LENGTH] or None
    if isinstance(value, bool | int | float | datetime.date | datetime.time | datetime.timedelta) or value is None:
        return value
    return build_text_cell(sheet, str(value))


def build_header(sheet: WriteOnlyWorksheet, titles: Iterable[str]) -> list[Cell]:
    """Return the cells of a header row."""
    cells = [build_text_cell(sheet, title) for title in titles]
    for cell in cells:
        cell.font, cell.fill, cell.alignment = BOLD, HEADER_FILL, WRAPPED
    return cells


def set_widths(sheet: Any, widths: Sequence[int], *, first: int = 1) -> None:
    """Set column widths, in characters, from column `first` on (1 is A)."""
    for number, width in enumerate(widths, start=first):
        sheet.column_dimensions[get_column_letter(number)].width = width


def save_to_bytes(book: Workbook) -> bytes:
    """Return the workbook as bytes."""
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
