"""Workbooks read by python-calamine, after they were checked.

Calamine never gets the uploaded file itself, only the rebuilt content.
"""

from __future__ import annotations

import io
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import python_calamine

from imports.formats import biff, limits, ods, ole, unsupported, xlsx, zip_archive
from imports.formats.encodings import MOJIBAKE_REPAIRED, has_mojibake, repair_mojibake
from imports.formats.exceptions import UnreadableFile, damaged, empty, too_many_cells
from imports.formats.sheet_types import MergedRange, SheetMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imports.formats.sheet_types import CellRow, WorkbookSheet

#: Rows searched for mojibake.
_SAMPLE_ROWS = 400
#: LibreOffice's cached copies of linked files, stored as sheets: « 'file:///C:/2025.ods'#$Feuille1 ».
_CACHED_LINK = re.compile(r"'[a-z]+:.*'#\$")


class CalamineSheet:
    """A sheet held by calamine; Python objects are created row by row."""

    def __init__(self, sheet: Any, *, hidden: bool, metadata: SheetMetadata) -> None:
        self.name: str = sheet.name
        self.hidden = hidden
        self.uncomputed, self.errors = metadata.uncomputed, metadata.errors
        self.merged: list[MergedRange] = (
            [
                MergedRange(top + 1, left, bottom + 1, right)
                for (top, left), (bottom, right) in sheet.merged_cell_ranges or []
            ]
            if metadata.merged is None
            else metadata.merged
        )
        self._sheet = sheet
        self._margin = sheet.start[1] if sheet.start else 0
        #: A text file was opened in the wrong encoding, and saved as a workbook.
        self.is_damaged = False
        self._filled: int = sheet.end[0] + 1 if sheet.end else 0
        # Up to the last row with a value or a formula, blank rows above the table included.
        self.height: int = max(self._filled, max((row for row, _ in metadata.uncomputed), default=0))

    def rows(self) -> Iterator[CellRow]:
        """Iterate over all rows; blank columns left of the table are included."""
        rows: Iterable[CellRow] = self._sheet.iter_rows() if self._filled else ()
        if self._margin:
            margin: CellRow = [""] * self._margin
            rows = ([*margin, *row] for row in rows)
        if self.is_damaged:
            rows = ([repair_mojibake(cell) if type(cell) is str else cell for cell in row] for row in rows)
        yield from rows
        for _ in range(self._filled, self.height):
            yield []

    def detect_mojibake(self) -> bool:
        """Return whether this sheet has mojibake; if so, `rows` repairs it from now on."""
        head = islice(self.rows(), _SAMPLE_ROWS)
        self.is_damaged = any(has_mojibake(cell) for row in head for cell in row if type(cell) is str)
        return self.is_damaged


class CalamineWorkbook:
    """An opened workbook: .xlsx, .xls or .ods."""

    def __init__(self, kind: str, content: bytes, metadata_of: Callable[[int, str], SheetMetadata | None]) -> None:
        """Read all worksheets. `metadata_of`: metadata by index and name, None where the sheet is to be skipped."""
        self.kind = kind
        worksheets = _translate_errors(lambda: _read_sheets(content, metadata_of))
        if not any(sheet.height for sheet in worksheets):
            raise empty()
        damaged_sheets = [sheet for sheet in worksheets if sheet.detect_mojibake()]
        self.remarks = [MOJIBAKE_REPAIRED] if damaged_sheets else []
        self.sheets: list[WorkbookSheet] = [*worksheets]


def open_archive(content: bytes) -> CalamineWorkbook:
    """Open an .xlsx, .xlsm or .ods. Raises `UnreadableFile` for any other archive or a damaged one."""
    members = {member.filename.lower(): member for member in zip_archive.read_directory(content)}
    if xlsx.WORKBOOK in members:
        checked, by_name = xlsx.sanitize(content, members)
        return CalamineWorkbook("xlsx", checked, lambda _, name: by_name.get(name))
    if ods.CONTENT in members and ods.is_spreadsheet(content, members):
        checked, metadata = ods.sanitize(content, members)
        return CalamineWorkbook(
            "ods",
            checked,
            lambda at, name: (
                None if _CACHED_LINK.match(name) else metadata[at] if at < len(metadata) else SheetMetadata([])
            ),
        )
    raise unsupported.unsupported_archive(set(members))


def open_ole(content: bytes) -> CalamineWorkbook:
    """Open an .xls. Raises `UnreadableFile` for any other OLE file or a damaged one."""
    stream, metadata = biff.sanitize(ole.read_workbook_stream(content))
    return CalamineWorkbook(
        "xls", ole.build_container(stream), lambda at, _: metadata[at] if at < len(metadata) else SheetMetadata([])
    )


def _read_sheets(content: bytes, metadata_of: Callable[[int, str], SheetMetadata | None]) -> list[CalamineSheet]:
    workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    sheets: list[CalamineSheet] = []
    cells = 0
    for at, sheet_info in enumerate(workbook.sheets_metadata):
        metadata = metadata_of(at, sheet_info.name)
        if metadata is not None:
            sheet = workbook.get_sheet_by_name(sheet_info.name)
            cells += sheet.height * sheet.width
            if cells > limits.MAX_CELLS:
                raise too_many_cells()
            hidden = sheet_info.visible != python_calamine.SheetVisibleEnum.Visible
            sheets.append(CalamineSheet(sheet, hidden=hidden, metadata=metadata))
    return sheets


def _translate_errors[T](read: Callable[[], T]) -> T:
    try:
        return read()
    except (UnreadableFile, MemoryError):
        raise
    except BaseException as error:
        # Rust panics on malformed files derive from `BaseException`; interrupts must still propagate.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise damaged() from error
        raise
