"""Cached results of formulas, which openpyxl drops on writing: restored from the original file.

Spreadsheet programs recompute them, but neither in protected view nor in parsers.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from imports.formats.detection import open_workbook

#: By sheet number, from 1, and cell: type attribute and text of the result, as XML.
FormulaResults = dict[int, dict[str, tuple[str, str]]]
_FORMULA = re.compile(
    rb'<c r="(?P<cell>[A-Z]+[0-9]+)"(?P<style> s="[0-9]+")?>(?P<formula><f\b[^>]*?/>|<f\b[^>]*>[^<]*</f>)'
    rb"(?:<v ?/>|<v></v>)</c>"
)


def read_results(book: Workbook, content: bytes) -> FormulaResults:
    """Return the cached results of a workbook's formulas. `content`: the file it was loaded from."""
    formula_cells = {
        (number, sheet.title): formulas
        for number, sheet in enumerate(book.worksheets, start=1)
        if (formulas := {place for place, cell in sheet._cells.items() if cell.data_type == "f"})  # noqa: SLF001 - iterating rows would create cells
    }
    if not formula_cells:
        return {}
    sheets_by_name = {sheet.name: sheet for sheet in open_workbook(content).sheets}
    found: FormulaResults = {}
    for (number, name), formulas in formula_cells.items():
        if name not in sheets_by_name:
            continue
        last = max(row for row, _ in formulas)
        of_sheet = found.setdefault(number, {})
        columns = sorted({column for _, column in formulas})
        for row, values in enumerate(sheets_by_name[name].rows(), start=1):
            if row > last:
                break
            for column in columns:
                if (row, column) in formulas and column <= len(values) and (result := _as_xml(values[column - 1])):
                    of_sheet[f"{get_column_letter(column)}{row}"] = result
    return found


def _as_xml(value: Any) -> tuple[str, str] | None:
    """Return the type attribute and the text of a result, None if empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return ' t="b"', str(int(value))
    if isinstance(value, int | float):
        return "", repr(value)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return "", repr(to_excel(value))
    return ' t="str"', escape(ILLEGAL_CHARACTERS_RE.sub("", str(value)))


def restore_results(written: bytes, results: Mapping[int, Mapping[str, tuple[str, str]]]) -> bytes:
    """Return a workbook written by openpyxl, with these results inserted."""
    if not results:
        return written
    members = {f"xl/worksheets/sheet{number}.xml": result for number, result in results.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(written)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.infolist():
            content = before.read(member)
            if member.filename in members:
                content = _insert_results(content, members[member.filename])
            after.writestr(member, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _insert_results(xml: bytes, results: Mapping[str, tuple[str, str]]) -> bytes:
    def beside(match: re.Match[bytes]) -> bytes:
        result = results.get(match["cell"].decode())
        if result is None:
            return match[0]
        kind, text = (part.encode() for part in result)
        return b'<c r="%s"%s%s>%s<v>%s</v></c>' % (
            match["cell"], match["style"] or b"", kind, match["formula"], text,
        )  # fmt: skip

    return _FORMULA.sub(beside, xml)
