"""Files for spreadsheet programs, xlsx and CSV. Texts such as « =1+1 », whoever typed them, are never formulas."""

import csv
import datetime
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

_FIRST_LETTERS = frozenset("=+-@")
#: « -12,50 » is a number, and stays one.
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def begins_formula(text: str) -> bool:
    """Return whether a spreadsheet program may take a text for a formula: also after spaces, also in wide letters."""
    stripped = text.strip()
    return len(stripped) > 1 and unicodedata.normalize("NFKC", stripped[0])[0] in _FIRST_LETTERS


def quote_formula(text: str) -> str:
    """Return a field of a text file, CSV or tab-separated: with an apostrophe before what would be a formula.

    Such a file says nothing of types: the apostrophe is all that keeps the text a text. Numbers stay as they are.
    """
    return f"'{text}" if begins_formula(text) and not _NUMBER.fullmatch(text) else text


def build_csv(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return the file, under a line of titles."""
    text = io.StringIO()
    lines = csv.writer(text, delimiter=";", lineterminator="\r\n")
    lines.writerow(titles)
    lines.writerows([quote_formula(field) for field in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


BOLD = Font(bold=True)
HEADER_FILL = PatternFill("solid", fgColor="FFDCE6F1")
WRAPPED = Alignment(wrap_text=True, vertical="top")
#: Prefix of error values.
_ERROR_PREFIX = "#"
#: Characters forbidden in sheet names; maximum lengths of names and cells below.
_FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
MAX_SHEET_NAME = 31
MAX_CELL_LENGTH = 32_000


class WorksheetContent(NamedTuple):
    """Content of a sheet: name, column titles, column widths in characters, rows.

    `moment_format`: how dates with a time are shown, such as « dd/mm/yyyy hh:mm »; empty: as openpyxl does.
    """

    name: str
    titles: Sequence[str]
    widths: Sequence[int]
    rows: Iterable[Sequence[Any]]
    moment_format: str = ""


def build_workbook(*sheets: WorksheetContent) -> bytes:
    """Return a workbook of these sheets, written row by row, each under a header row that stays in view."""
    book = Workbook(write_only=True)
    for content in sheets:
        sheet = book.create_sheet(content.name)
        set_widths(sheet, content.widths)
        sheet.freeze_panes = "A2"
        sheet.append(build_header(sheet, content.titles))
        for row in content.rows:
            sheet.append([build_cell(sheet, value, moment_format=content.moment_format) for value in row])
    return save_to_bytes(book)


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


def clean_sheet_name(name: str, number: int) -> str:
    """Return a valid sheet name. `number`, from 1, names a sheet without a usable name."""
    return _FORBIDDEN_IN_NAMES.sub(" ", name).strip().strip("'")[:MAX_SHEET_NAME] or f"Feuille {number}"


def save_to_bytes(book: Workbook) -> bytes:
    """Return the workbook as bytes."""
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
