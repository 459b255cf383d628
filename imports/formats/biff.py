"""Check and filter the records of an .xls before calamine reads them.

A record's cell position decides how large the sheet is, and a declared count how much memory is allocated: neither can
be trusted. Kept, in a new stream: the sheets' positions, formats, texts and values. A formula is replaced by its stored
value. All else (drawings, macros, names, formulas) is dropped, and so can do no harm.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imports.formats import limits
from imports.formats.exceptions import damaged, empty, encrypted, too_many_cells, too_many_sheets
from imports.formats.sheet_types import MergedRange, SheetMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOF, _EOF, _CONTINUE = 0x0809, 0x000A, 0x003C
_FILEPASS, _BOUNDSHEET, _SST = 0x002F, 0x0085, 0x00FC
#: Code page, date system, formats.
_KEPT_GLOBALS = {0x0042, 0x0022, 0x041E, 0x00E0}
_NUMBER, _LABEL, _BOOLERR, _STRING = 0x0203, 0x0204, 0x0205, 0x0207
_RSTRING, _RK, _LABELSST, _MULRK, _FORMULA, _MERGEDCELLS = 0x00D6, 0x027E, 0x00FD, 0x00BD, 0x0006, 0x00E5
_CELLS = {_NUMBER, _LABEL, _BOOLERR, _RSTRING, _RK, _LABELSST, _MULRK}
_WORKSHEET = 0
_TWO_SHORTS = struct.Struct("<HH")
_NOT_A_NUMBER = 0xFFFF
#: The fewest bytes of a label: position, format, length, and a character or more.
_MIN_LABEL_SIZE = 10
_BOOLERR_SIZE = 8


def sanitize(stream: bytes) -> tuple[bytes, list[SheetMetadata]]:
    """Return the records to keep, and the metadata of each worksheet in order.

    Raises `UnreadableFile` where the records are damaged, encrypted or too many.
    """
    try:
        return _filter_records(stream)
    except (struct.error, IndexError) as error:
        raise damaged() from error


def _filter_records(stream: bytes) -> tuple[bytes, list[SheetMetadata]]:
    global_records: list[bytes] = []
    boundsheets: list[tuple[int, bytes]] = []
    lengths: list[int] = []
    for kind, data, at in _substream(stream, 0):
        if kind == _FILEPASS:
            raise encrypted()
        if kind == _BOUNDSHEET:
            if data[5] == _WORKSHEET:
                boundsheets.append((struct.unpack_from("<I", data)[0], data[4:]))
        elif kind == _SST:
            texts = [data, *_continued(stream, at + 4 + len(data))]
            lengths = text_lengths(texts)
            global_records += [_record(_SST if n == 0 else _CONTINUE, text) for n, text in enumerate(texts)]
        elif kind in _KEPT_GLOBALS or kind == _BOF:
            global_records.append(_record(kind, data))
    if not boundsheets:
        raise empty()
    if len(boundsheets) > limits.MAX_SHEETS:
        raise too_many_sheets(len(boundsheets), limits.MAX_SHEETS)
    if len({start for start, _ in boundsheets}) != len(boundsheets):
        raise damaged()
    return _assemble(global_records, boundsheets, _sheets(stream, [start for start, _ in boundsheets], lengths))


def _sheets(stream: bytes, starts: list[int], lengths: list[int]) -> list[_WorksheetFilter]:
    """Filter each sheet. None may extend into the next, so that none is read twice."""
    filters: list[_WorksheetFilter] = []
    cells = text = 0
    for start in starts:
        end = min((other for other in starts if other > start), default=len(stream))
        filters.append(_WorksheetFilter().read(stream, start, end, lengths))
        cells += filters[-1].cells
        text += filters[-1].text
        if cells > limits.MAX_CELLS or text > limits.MAX_TEXT_BYTES:
            raise too_many_cells()
    return filters


def _assemble(
    global_records: list[bytes], boundsheets: list[tuple[int, bytes]], sheets: list[_WorksheetFilter]
) -> tuple[bytes, list[SheetMetadata]]:
    names = [_record(_BOUNDSHEET, bytes(4) + rest) for _, rest in boundsheets]
    end_record = _record(_EOF, b"")
    at = sum(map(len, global_records)) + sum(map(len, names)) + len(end_record)
    for number, sheet in enumerate(sheets):
        names[number] = _record(_BOUNDSHEET, struct.pack("<I", at) + boundsheets[number][1])
        at += sum(map(len, sheet.records))
    # A program that computes nothing (xlwt) leaves every result empty; in a file from Excel an empty result is real.
    never_computed = not any(sheet.computed for sheet in sheets)
    metadata = [
        SheetMetadata(sheet.merged, frozenset(sheet.blank_formulas if never_computed else ()), frozenset(sheet.errors))
        for sheet in sheets
    ]
    records = [record for sheet in sheets for record in sheet.records]
    return b"".join([*global_records, *names, end_record, *records]), metadata


def _record(kind: int, data: bytes) -> bytes:
    return _TWO_SHORTS.pack(kind, len(data)) + data


def _substream(stream: bytes, start: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield the kind, data and offset of each record of the substream at `start`; skip nested substreams."""
    depth, at = 0, start
    while True:
        kind, length = _TWO_SHORTS.unpack_from(stream, at)
        data = stream[at + 4 : at + 4 + length]
        if len(data) < length or (at == start and kind != _BOF):
            raise damaged()
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if not depth:
                return
        if depth == 1:
            yield kind, data, at
        at += 4 + length


def _continued(stream: bytes, at: int) -> Iterator[bytes]:
    while True:
        kind, length = _TWO_SHORTS.unpack_from(stream, at)
        if kind != _CONTINUE:
            return
        yield stream[at + 4 : at + 4 + length]
        at += 4 + length


class _WorksheetFilter:
    """The records kept of one worksheet, and their totals."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.merged: list[MergedRange] = []
        self.blank_formulas: list[tuple[int, int]] = []
        self.errors: list[tuple[int, int]] = []
        self.computed = False
        self.text = self._height = self._width = 0
        #: The cell of a formula whose text is in the next record.
        self._pending_cell = b""

    @property
    def cells(self) -> int:
        """Number of cells the sheet would have, filled or not."""
        return self._height * self._width

    def read(self, stream: bytes, start: int, end: int, lengths: list[int]) -> _WorksheetFilter:
        """Filter the sheet that begins at `start` and must not reach `end`; return self."""
        for kind, data, at in _substream(stream, start):
            if at >= end:
                raise damaged()
            if kind == _BOF:
                self.records.append(_record(kind, data))
            elif kind == _MERGEDCELLS:
                self.merged += _areas(data)
            elif kind == _STRING:
                if self._pending_cell and len(self._pending_cell + data) >= _MIN_LABEL_SIZE:
                    self.records.append(_record(_LABEL, self._pending_cell + data))
                self._pending_cell = b""
            elif kind == _FORMULA:
                self._formula(data)
            elif kind in _CELLS:
                self._cell(kind, data, lengths)
            if max(len(self.records), self.cells) > limits.MAX_CELLS or len(self.merged) > limits.MAX_MERGED_CELLS:
                raise too_many_cells()
        self.records.append(_record(_EOF, b""))
        return self

    def _formula(self, data: bytes) -> None:
        value, self._pending_cell = _value_of(data)
        row, column = _TWO_SHORTS.unpack_from(data)
        if not value and not self._pending_cell:
            self.blank_formulas.append((row + 1, column))
            return
        self.computed = True
        self._extend(row, column)
        if value:
            self._note_error(value[4:])
            self.records.append(value)

    def _cell(self, kind: int, data: bytes, lengths: list[int]) -> None:
        row, column = _TWO_SHORTS.unpack_from(data)
        if kind in (_LABEL, _RSTRING):
            if len(data) < _MIN_LABEL_SIZE:
                return
            kind = _LABEL
        elif kind == _MULRK:
            column = struct.unpack_from("<H", data, len(data) - 2)[0]
        elif kind == _LABELSST:
            number = struct.unpack_from("<I", data, 6)[0]
            self.text += lengths[number] if number < len(lengths) else 0
        elif kind == _BOOLERR:
            self._note_error(data)
        self._extend(row, column)
        self.records.append(_record(kind, data))

    def _note_error(self, data: bytes) -> None:
        """Record the position of a BOOLERR record that holds an error."""
        if len(data) == _BOOLERR_SIZE and data[-1] == 1:
            row, column = _TWO_SHORTS.unpack_from(data)
            self.errors.append((row + 1, column))

    def _extend(self, row: int, column: int) -> None:
        self._height, self._width = max(self._height, row + 1), max(self._width, column + 1)


def _value_of(data: bytes) -> tuple[bytes, bytes]:
    """Return a formula's value as a record, or its cell where the text is in the next record; both empty for none."""
    position, value = data[:6], data[6:14]
    if len(value) < 8:  # noqa: PLR2004
        raise damaged()
    if struct.unpack_from("<H", value, 6)[0] != _NOT_A_NUMBER:
        return _record(_NUMBER, position + value), b""
    if value[0] == 0:
        return b"", position
    if value[0] in (1, 2):
        return _record(_BOOLERR, position + bytes((value[2], value[0] - 1))), b""
    return b"", b""


def _areas(data: bytes) -> Iterator[MergedRange]:
    count = struct.unpack_from("<H", data)[0]
    for top, bottom, left, right in struct.iter_unpack("<4H", data[2 : 2 + 8 * count]):
        yield MergedRange(top + 1, left, bottom + 1, right)


def text_lengths(parts: list[bytes]) -> list[int]:
    """Return the most bytes that each shared string takes in memory.

    `parts`: the SST record and its CONTINUE records. Raises `UnreadableFile` where more are declared than present.
    """
    declared = struct.unpack_from("<i", parts[0], 4)[0]
    if not 0 <= declared <= sum(map(len, parts)) // 3:
        raise damaged()
    reader, lengths = _ContinuedRecord(parts), []
    for _ in range(declared):
        count, flags = reader.header()
        runs = reader.number("<H") if flags & 0x8 else 0
        more = reader.number("<i") if flags & 0x4 else 0
        if more < 0:
            raise damaged()
        reader.characters(count, 2 if flags & 0x1 else 1)
        reader.skip(4 * runs + more)
        # Bytes of its characters in UTF-8, as calamine holds them.
        lengths.append(count * (3 if flags & 0x1 else 2))
    return lengths


class _ContinuedRecord:
    """A cursor over a record and its CONTINUE records."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts, self._number, self._at = parts, 0, 8

    def _next(self) -> None:
        self._number, self._at = self._number + 1, 0
        if self._number >= len(self._parts):
            raise damaged()

    def header(self) -> tuple[int, int]:
        if self._at >= len(self._parts[self._number]):
            self._next()
        count, flags = struct.unpack_from("<HB", self._parts[self._number], self._at)
        self._at += 3
        return count, flags

    def number(self, shape: str) -> int:
        number: int = struct.unpack_from(shape, self._parts[self._number], self._at)[0]
        self._at += struct.calcsize(shape)
        return number

    def characters(self, count: int, width: int) -> None:
        """Skip `count` characters; each part declares the width of its own."""
        while True:
            available = (len(self._parts[self._number]) - self._at) // width
            if count <= available:
                self._at += count * width
                return
            count -= available
            self._next()
            width = 2 if self._parts[self._number][0] & 0x1 else 1
            self._at = 1

    def skip(self, length: int) -> None:
        while length > (available := len(self._parts[self._number]) - self._at):
            length -= available
            self._next()
        self._at += length
