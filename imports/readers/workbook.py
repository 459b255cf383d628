"""Workbooks, read by python-calamine once it is known that they are harmless.

What it is given is never the file itself: always what was checked, put together anew.
"""

from __future__ import annotations

import io
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import python_calamine

from imports.readers import archive, biff, limits, ods, ole, strangers, xlsx
from imports.readers.encodings import MENDED, is_broken, mend
from imports.readers.refusals import Unreadable, damaged, empty, too_many_cells
from imports.readers.sheets import Area, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imports.readers.sheets import Row, Sheet

#: Rows in which damaged accents are looked for.
_SAMPLE = 400
#: What LibreOffice remembers of other files, as if they were sheets: « 'file:///C:/2025.ods'#$Feuille1 ».
_REMEMBERED = re.compile(r"'[a-z]+:.*'#\$")


class CalamineSheet:
    """A sheet that calamine holds; Python's objects are made row by row."""

    def __init__(self, sheet: Any, *, hidden: bool, seen: Seen) -> None:
        self.name: str = sheet.name
        self.hidden = hidden
        self.uncomputed, self.errors = seen.uncomputed, seen.errors
        self.merged: list[Area] = (
            [Area(top + 1, left, bottom + 1, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or []]
            if seen.merged is None
            else seen.merged
        )
        self._sheet = sheet
        self._margin = sheet.start[1] if sheet.start else 0
        #: Somebody opened a text wrongly, and saved what he saw as a workbook.
        self.mended = False
        self._filled: int = sheet.end[0] + 1 if sheet.end else 0
        # To the last row that holds something, be it a formula; blank rows above the table included.
        self.height: int = max(self._filled, max((row for row, _ in seen.uncomputed), default=0))

    def rows(self) -> Iterator[Row]:
        """Go through all rows; the blank columns left of the table are there too, as blank cells."""
        rows: Iterable[Row] = self._sheet.iter_rows() if self._filled else ()
        if self._margin:
            margin: Row = [""] * self._margin
            rows = ([*margin, *row] for row in rows)
        if self.mended:
            rows = ([mend(cell) if type(cell) is str else cell for cell in row] for row in rows)
        yield from rows
        for _ in range(self._filled, self.height):
            yield []

    def look(self) -> bool:
        """Tell whether the accents of this sheet were damaged; from then on it gives them mended."""
        head = islice(self.rows(), _SAMPLE)
        self.mended = any(is_broken(cell) for row in head for cell in row if type(cell) is str)
        return self.mended


class CalamineWorkbook:
    """An opened workbook, whatever its format."""

    def __init__(self, kind: str, content: bytes, seen: Callable[[int, str], Seen | None]) -> None:
        """Read all worksheets. `seen`: what was seen of the sheet of this place and name, None where it is no table."""
        self.kind = kind
        read = _guarded(lambda: _read(content, seen))
        if not any(sheet.height for sheet in read):
            raise empty()
        broken = [sheet for sheet in read if sheet.look()]
        self.remarks = [MENDED] if broken else []
        self.sheets: list[Sheet] = [*read]


def open_archive(content: bytes) -> CalamineWorkbook:
    """Open an .xlsx, .xlsm or .ods. Raises `Unreadable` for these and every other archive."""
    members = {member.filename.lower(): member for member in archive.directory(content)}
    if xlsx.WORKBOOK in members:
        checked, by_name = xlsx.verified(content, members)
        return CalamineWorkbook("xlsx", checked, lambda _, name: by_name.get(name))
    if ods.CONTENT in members and ods.is_spreadsheet(content, members):
        checked, seen = ods.verified(content, members)
        return CalamineWorkbook(
            "ods",
            checked,
            lambda at, name: None if _REMEMBERED.match(name) else seen[at] if at < len(seen) else Seen([]),
        )
    raise strangers.other_archive(set(members))


def open_ole(content: bytes) -> CalamineWorkbook:
    """Open an .xls. Raises `Unreadable` for these and every other file in such a container."""
    stream, seen = biff.thin(ole.workbook_stream(content))
    return CalamineWorkbook("xls", ole.container_of(stream), lambda at, _: seen[at] if at < len(seen) else Seen([]))


def _read(content: bytes, seen: Callable[[int, str], Seen | None]) -> list[CalamineSheet]:
    workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    sheets: list[CalamineSheet] = []
    cells = 0
    for at, about in enumerate(workbook.sheets_metadata):
        found = seen(at, about.name)
        if found is not None:
            sheet = workbook.get_sheet_by_name(about.name)
            cells += sheet.height * sheet.width
            if cells > limits.MAX_CELLS:
                raise too_many_cells()
            hidden = about.visible != python_calamine.SheetVisibleEnum.Visible
            sheets.append(CalamineSheet(sheet, hidden=hidden, seen=found))
    return sheets


def _guarded[T](run: Callable[[], T]) -> T:
    try:
        return run()
    except Unreadable:
        raise
    except BaseException as error:
        # The library's panics on malformed files are no `Exception`: nothing but them and its errors ends here.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise damaged() from error
        raise
