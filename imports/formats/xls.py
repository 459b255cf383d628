"""Read an .xls with xlrd: calamine shows neither its errors nor its formulas without a result."""

from __future__ import annotations

import datetime
import io
import struct
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import xlrd
from xlrd.compdoc import CompDoc
from xlrd.xldate import xldate_as_datetime

from imports.formats import limits
from imports.formats.exceptions import UnreadableFile, damaged, empty, encrypted, too_many_cells, too_many_sheets
from imports.formats.loaded_workbook import LoadedSheet, LoadedWorkbook
from imports.formats.sheet_types import (
    CellColour,
    CellColours,
    CellNotes,
    CellRow,
    CellValue,
    MergedRange,
    SheetMetadata,
)
from imports.formats.workbook_parts import BLACK, WHITE

if TYPE_CHECKING:
    import xlrd
    from xlrd.formatting import XFBackground


_SOLID = 1
_NO_COLOUR = CellColour("", "")


def read_cell_colours(book: xlrd.Book, sheet: xlrd.sheet.Sheet) -> CellColours | None:
    """Return the coloured cells of a sheet, None where they are too many."""
    styles = {}
    for number, style in enumerate(book.xf_list):
        fill = "" if style.background is None else _find_fill(book, style.background)
        has_font = style.font_index < len(book.font_list)
        font = _find(book, book.font_list[style.font_index].colour_index) if has_font else ""
        colour = CellColour("" if fill == WHITE else fill, "" if font == BLACK else font)
        if colour != _NO_COLOUR:
            styles[number] = colour
    found: dict[tuple[int, int], CellColour] = {}
    for row in range(sheet.nrows if styles else 0):
        for column in range(sheet.row_len(row)):
            colour = styles.get(sheet.cell_xf_index(row, column), _NO_COLOUR)
            if colour != _NO_COLOUR:
                found[row + 1, column] = colour
        if len(found) > limits.MAX_COLOURED_CELLS:
            return None
    return found


def _find_fill(book: xlrd.Book, background: XFBackground) -> str:
    return _find(book, background.pattern_colour_index) if background.fill_pattern == _SOLID else ""


def _find(book: xlrd.Book, index: int) -> str:
    """Return a colour of the palette, "" for one that is left to the system."""
    colour = book.colour_map.get(index)
    return "" if colour is None else bytes(colour).hex().upper()


SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Names of streams, as they are stored, by which other documents in such containers are recognised.
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_OTHER_STREAMS = [
    name.encode("utf-16-le") for name in ("WordDocument", "PowerPoint Document", "__properties_version1.0")
]
#: Kinds of cells whose value xlrd gives as it is to be.
_PLAIN_KINDS = frozenset((xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK, xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER))
_FORMULA_RECORD, _SHEET_RECORD, _END_RECORD = 0x0006, 0x0085, 0x000A
#: The first record of a sheet, and what it says of a worksheet.
_BEGIN, _WORKSHEET = b"\x09\x08", b"\x10\x00"
_RECORD_HEADER = struct.Struct("<HH")
#: Byte 0, and bytes 6 and 7, of a formula's result where it is an empty text.
_EMPTY_TEXT, _NOT_A_NUMBER = 3, b"\xff\xff"
#: Formats of durations: « [h]:mm ».
_DURATION_FORMATS = ("[h", "[m", "[s")


def open_xls(content: bytes) -> LoadedWorkbook:
    """Open an .xls. Raises `UnreadableFile` for any other file of Microsoft's container, or a damaged one."""
    try:
        # `formatting_info`: else it skips merged cells. It prints its remarks.
        book = xlrd.open_workbook(file_contents=content, logfile=io.StringIO(), formatting_info=True, ragged_rows=True)
    except MemoryError:
        raise
    except Exception as error:
        # Whatever its reading of a damaged file comes upon.
        raise _explain(content, error) from error
    if not book.nsheets:
        raise empty()
    if book.nsheets > limits.MAX_SHEETS:
        raise too_many_sheets(book.nsheets, limits.MAX_SHEETS)
    stream = _read_stream(content)
    if _count_worksheets(stream) > book.nsheets:
        raise damaged()
    readers = [_SheetReader(book, sheet) for sheet in book.sheets()]
    if sum(reader.height * reader.width for reader in readers) > limits.MAX_CELLS:
        raise too_many_cells()
    # A program that computes nothing (xlwt) leaves every result empty; in a file from Excel an empty result is real.
    never_computed = any(reader.empty_texts for reader in readers) and not _has_result(stream)
    return LoadedWorkbook("xls", [reader.load(never_computed=never_computed) for reader in readers])


def _explain(content: bytes, error: Exception) -> UnreadableFile:
    """Return the refusal for a file that xlrd does not open."""
    if _ENCRYPTED_STREAM in content or "encrypted" in str(error):
        return encrypted()
    if any(name in content for name in _OTHER_STREAMS):
        return UnreadableFile(
            "not_a_spreadsheet",
            "Ce fichier est un document Office, mais pas un tableau. Déposez un classeur .xlsx, .xls ou .ods, ou "
            "un fichier .csv.",
        )
    return damaged()


class _SheetReader:
    """Extent and special cells of a sheet, and its rows."""

    def __init__(self, book: xlrd.Book, sheet: xlrd.sheet.Sheet) -> None:
        self._book, self._sheet = book, sheet
        #: Up to the last cell with a value: others may be formatted.
        self.height = self.width = 0
        self.errors: list[tuple[int, int]] = []
        #: Only a formula gives them.
        self.empty_texts: list[tuple[int, int]] = []
        for row in range(sheet.nrows):
            kinds, values = sheet.row_types(row), sheet.row_values(row)
            filled = [column for column, value in enumerate(values) if value != ""]
            if filled:
                self.height, self.width = row + 1, max(self.width, filled[-1] + 1)
                if xlrd.XL_CELL_ERROR in kinds:
                    self.errors += [(row + 1, at) for at, kind in enumerate(kinds) if kind == xlrd.XL_CELL_ERROR]
            if len(filled) < len(kinds) and xlrd.XL_CELL_TEXT in kinds:
                self.empty_texts += [
                    (row + 1, at) for at, kind in enumerate(kinds) if kind == xlrd.XL_CELL_TEXT and values[at] == ""
                ]

    def load(self, *, never_computed: bool) -> LoadedSheet:
        """Return the sheet. `never_computed`: whether an empty text is a formula without a result."""
        merged = [
            MergedRange(top + 1, left, bottom, right - 1) for top, bottom, left, right in self._sheet.merged_cells
        ]
        uncomputed = frozenset(self.empty_texts if never_computed else ())
        return LoadedSheet(
            self._sheet.name,
            self._read_rows,
            self.height,
            hidden=self._sheet.visibility != 0,
            metadata=SheetMetadata(
                merged,
                uncomputed,
                frozenset(self.errors),
                self._find_hidden_rows(),
                self._find_struck(),
                frozenset(column for column, found in self._sheet.colinfo_map.items() if found.hidden),
                partial(read_cell_colours, self._book, self._sheet),
                notes=self._read_notes(),
            ),
        )

    def _read_notes(self) -> CellNotes:
        notes = islice(self._sheet.cell_note_map.items(), limits.MAX_NOTES)
        texts = {place: " ".join(note.text.split())[: limits.MAX_NOTE_LENGTH] for place, note in notes}
        return {(row + 1, column): text for (row, column), text in texts.items() if text}

    def _find_hidden_rows(self) -> frozenset[int]:
        return frozenset(row + 1 for row, information in self._sheet.rowinfo_map.items() if information.hidden)

    def _find_struck(self) -> frozenset[tuple[int, int]]:
        struck_fonts = {index for index, font in enumerate(self._book.font_list) if font.struck_out}
        struck_styles = {i for i, style in enumerate(self._book.xf_list) if style.font_index in struck_fonts}
        if not struck_styles:
            return frozenset()
        return frozenset(
            (row + 1, column)
            for row in range(self.height)
            for column in range(self._sheet.row_len(row))
            if self._sheet.cell_xf_index(row, column) in struck_styles
        )

    def _read_rows(self) -> Iterator[CellRow]:
        padding: CellRow = [""] * self.width
        for row in range(self.height):
            kinds, cells = self._sheet.row_types(row), list(self._sheet.row_values(row, 0, self.width))
            if not _PLAIN_KINDS.issuperset(kinds):
                cells = [self._convert(row, at, kinds[at], value) for at, value in enumerate(cells)]
            yield cells + padding[len(cells) :]

    def _convert(self, row: int, column: int, kind: int, value: Any) -> CellValue:
        if kind == xlrd.XL_CELL_DATE:
            style = self._book.xf_list[self._sheet.cell_xf_index(row, column)]
            # None for the built-in formats of East Asia (27 to 36), whose text xlrd does not know.
            number_format = self._book.format_map[style.format_key].format_str or ""
            return _to_moment(value, self._book.datemode, is_duration=number_format.startswith(_DURATION_FORMATS))
        if kind == xlrd.XL_CELL_BOOLEAN:
            return bool(value)
        return "" if kind == xlrd.XL_CELL_ERROR else value


def _to_moment(value: float, date_mode: Literal[0, 1], *, is_duration: bool) -> CellValue:
    """Return a date, a time, both or a duration, as calamine does; the number where it is none."""
    try:
        if is_duration:
            return datetime.timedelta(days=value)
        moment = xldate_as_datetime(value, date_mode)
    except OverflowError:
        return value
    if 0 <= value < 1:
        return moment.time()
    return moment.date() if value == int(value) else moment


def _read_stream(content: bytes) -> bytes:
    """Return the bytes of the records."""
    container = CompDoc(content, logfile=io.StringIO())
    return container.get_named_stream("Workbook") or container.get_named_stream("Book") or b""


def _count_worksheets(stream: bytes) -> int:
    """Return how many of the sheets in the list of sheets begin as a worksheet does, whatever the list calls them."""
    found = at = 0
    while at + _RECORD_HEADER.size <= len(stream):
        kind, length = _RECORD_HEADER.unpack_from(stream, at)
        if kind == _END_RECORD:
            break
        if kind == _SHEET_RECORD:
            start = int.from_bytes(stream[at + 4 : at + 8], "little")
            found += stream[start : start + 2] == _BEGIN and stream[start + 6 : start + 8] == _WORKSHEET
        at += _RECORD_HEADER.size + length
    return found


def _has_result(stream: bytes) -> bool:
    """Whether any formula has a result other than an empty text."""
    at = 0
    while at + _RECORD_HEADER.size <= len(stream):
        kind, length = _RECORD_HEADER.unpack_from(stream, at)
        if kind == _FORMULA_RECORD:
            result = stream[at + 10 : at + 18]
            if result[6:] != _NOT_A_NUMBER or result[0] != _EMPTY_TEXT:
                return True
        at += _RECORD_HEADER.size + length
    return False
