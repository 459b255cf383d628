"""Files for spreadsheet programs, xlsx and CSV. Texts such as « =1+1 », whoever typed them, are never formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from core.formulas import quote_formula


def build_csv(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return the file, under a line of titles."""
    text = io.StringIO()
    lines = csv.writer(text, delimiter=";", lineterminator="\r\n")
    lines.writerow(titles)
    lines.writerows([quote_formula(field) for field in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


#: Characters forbidden in sheet names, and the maximum length of one below.
_FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
MAX_SHEET_NAME = 31


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
    # Here: every process would load openpyxl with what names its files and tells formulas from texts.
    from openpyxl import Workbook  # noqa: PLC0415

    from core.worksheet_cells import build_cell, build_header, save_to_bytes, set_widths  # noqa: PLC0415

    book = Workbook(write_only=True)
    for content in sheets:
        sheet = book.create_sheet(content.name)
        set_widths(sheet, content.widths)
        sheet.freeze_panes = "A2"
        sheet.append(build_header(sheet, content.titles))
        for row in content.rows:
            sheet.append([build_cell(sheet, value, moment_format=content.moment_format) for value in row])
    return save_to_bytes(book)


def clean_sheet_name(name: str, number: int) -> str:
    """Return a valid sheet name. `number`, from 1, names a sheet without a usable name."""
    return _FORBIDDEN_IN_NAMES.sub(" ", name).strip().strip("'")[:MAX_SHEET_NAME] or f"Feuille {number}"
