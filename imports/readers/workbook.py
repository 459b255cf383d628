"""Workbooks of Excel and of what writes like it, read by python-calamine once the archive is known to be harmless."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import python_calamine

from imports.readers import archive, limits
from imports.readers.refusals import Unreadable
from imports.readers.sheets import Area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imports.readers.sheets import Row, Sheet


class CalamineSheet:
    """A sheet that calamine holds; Python's objects are made row by row."""

    uncomputed: frozenset[tuple[int, int]] = frozenset()

    def __init__(self, sheet: Any, *, hidden: bool) -> None:
        self.name: str = sheet.name
        self.hidden = hidden
        self.merged = [
            Area(top + 1, left, bottom + 1, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or []
        ]
        self._sheet = sheet
        self._margin = sheet.start[1] if sheet.start else 0
        # To the last row that holds something, blank rows above the table included.
        self.height: int = sheet.end[0] + 1 if sheet.end else 0

    def rows(self) -> Iterator[Row]:
        """Go through all rows; the blank columns left of the table are there too, as blank cells."""
        if not self.height:
            return
        margin: Row = [""] * self._margin
        for row in self._sheet.iter_rows():
            yield [*margin, *row] if margin else row


class ExcelWorkbook:
    """An opened .xlsx or .xlsm."""

    kind = "xlsx"
    remarks: list[str] = []

    def __init__(self, content: bytes) -> None:
        members = archive.directory(content)
        if not any(member.filename == "xl/workbook.xml" for member in members):
            raise _other_archive([member.filename for member in members])
        archive.verify(content, members)
        self.sheets: list[Sheet] = _read(content)
        if not any(sheet.height for sheet in self.sheets):
            raise Unreadable("empty", "Ce classeur ne contient aucune ligne.")


def _read(content: bytes) -> list[Sheet]:
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = {
            sheet.name: sheet.visible != python_calamine.SheetVisibleEnum.Visible
            for sheet in workbook.sheets_metadata
            if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        }
        sheets: list[Sheet] = [
            CalamineSheet(workbook.get_sheet_by_name(name), hidden=hidden)
            for name, hidden in list(names.items())[: limits.MAX_SHEETS]
        ]
    except BaseException as error:
        # The library's panics on malformed files are no `Exception`: nothing but them and its errors ends here.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise archive.DAMAGED from error
        raise
    if len(names) > limits.MAX_SHEETS:
        raise Unreadable(
            "too_many_sheets",
            f"Ce classeur a {len(names)} feuilles ; {limits.MAX_SHEETS} au plus sont lues. Gardez celle qui porte "
            "la liste des écoles.",
        )
    return sheets


def _other_archive(names: list[str]) -> Unreadable:
    if "content.xml" in names:
        return Unreadable(
            "not_supported",
            "Les classeurs .ods ne sont pas lus. Dans LibreOffice, choisissez « Enregistrer sous » puis « Classeur "
            "Excel 2007-365 (.xlsx) », et déposez ce fichier.",
        )
    if "xl/workbook.bin" in names:
        return Unreadable(
            "not_supported", "Les classeurs .xlsb ne sont pas lus. Enregistrez-le en .xlsx, puis déposez-le."
        )
    return Unreadable(
        "not_a_spreadsheet",
        "Ce fichier n'est pas un tableau. Déposez un classeur .xlsx ou un fichier .csv.",
    )
