"""The results of formulas, which openpyxl leaves out when it writes: they are put back as they were in the file.

A spreadsheet program would compute them again, but not one that opens what was downloaded in a protected view, nor what
only reads.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from imports.readers.opening import open_workbook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openpyxl import Workbook

#: By the number of the sheet among the workbook's, from 1: what each formula's cell showed, as XML.
Results = dict[int, dict[str, tuple[str, str]]]
_FORMULA = re.compile(
    rb'<c r="(?P<cell>[A-Z]+[0-9]+)"(?P<style> s="[0-9]+")?>(?P<formula><f\b[^>]*?/>|<f\b[^>]*>[^<]*</f>)'
    rb"(?:<v ?/>|<v></v>)</c>"
)


def results_of(book: Workbook, content: bytes) -> Results:
    """Return what the formulas of a workbook showed. `content`: the file that it was loaded from."""
    asked = {
        (number, sheet.title): formulas
        for number, sheet in enumerate(book.worksheets, start=1)
        if (formulas := {place for place, cell in sheet._cells.items() if cell.data_type == "f"})  # noqa: SLF001 - going through rows would make cells
    }
    if not asked:
        return {}
    shown = {sheet.name: sheet for sheet in open_workbook(content).sheets}
    found: Results = {}
    for (number, name), formulas in asked.items():
        if name not in shown:
            continue
        last = max(row for row, _ in formulas)
        of_sheet = found.setdefault(number, {})
        columns = sorted({column for _, column in formulas})
        for row, values in enumerate(shown[name].rows(), start=1):
            if row > last:
                break
            for column in columns:
                if (row, column) in formulas and column <= len(values) and (told := _as_xml(values[column - 1])):
                    of_sheet[f"{get_column_letter(column)}{row}"] = told
    return found


def _as_xml(value: Any) -> tuple[str, str] | None:
    """Return the type's attribute and the text of a result, None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return ' t="b"', str(int(value))
    if isinstance(value, int | float):
        return "", repr(value)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return "", repr(to_excel(value))
    return ' t="str"', escape(ILLEGAL_CHARACTERS_RE.sub("", str(value)))


def with_results(written: bytes, results: Mapping[int, Mapping[str, tuple[str, str]]]) -> bytes:
    """Return a workbook that openpyxl wrote, with these results beside its formulas."""
    if not results:
        return written
    members = {f"xl/worksheets/sheet{number}.xml": told for number, told in results.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(written)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.infolist():
            content = before.read(member)
            if member.filename in members:
                content = _put_back(content, members[member.filename])
            after.writestr(member, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _put_back(xml: bytes, results: Mapping[str, tuple[str, str]]) -> bytes:
    def beside(match: re.Match[bytes]) -> bytes:
        told = results.get(match["cell"].decode())
        if told is None:
            return match[0]
        kind, text = (part.encode() for part in told)
        return b'<c r="%s"%s%s>%s<v>%s</v></c>' % (
            match["cell"], match["style"] or b"", kind, match["formula"], text,
        )  # fmt: skip

    return _FORMULA.sub(beside, xml)
