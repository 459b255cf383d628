"""The records of an .xls, checked and thinned out before they are read.

A record says which cell it is of, and so how large the sheet would be; how many texts there are, and so how much memory
to set aside. All of it may lie. What is kept is what a table needs, in an order of our own: where sheets are, their
formats, texts and values. A formula becomes the value it had, so that nobody has to understand it. What is left out
(drawings, macros, names, formulas) can do no harm.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from imports.readers import limits
from imports.readers.refusals import damaged, empty, encrypted, too_many_cells, too_many_sheets
from imports.readers.sheets import Area, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOF, _EOF, _CONTINUE = 0x0809, 0x000A, 0x003C
_FILEPASS, _BOUNDSHEET, _TEXTS = 0x002F, 0x0085, 0x00FC
#: Code page, first day of the calendar, formats.
_KEPT_OF_ALL = {0x0042, 0x0022, 0x041E, 0x00E0}
_NUMBER, _LABEL, _TRUTH, _STRING = 0x0203, 0x0204, 0x0205, 0x0207
_RICH, _NUMBER_SHORT, _TEXT_OF_ALL, _NUMBERS, _FORMULA, _MERGED = 0x00D6, 0x027E, 0x00FD, 0x00BD, 0x0006, 0x00E5
_CELLS = {_NUMBER, _LABEL, _TRUTH, _RICH, _NUMBER_SHORT, _TEXT_OF_ALL, _NUMBERS}
_WORKSHEET = 0
_STUB = struct.Struct("<HH")
_ALL_OF = 0xFFFF
#: What a label takes at least: its place, its format, how long it is, and something.
_LEAST_LABEL = 10
_TRUTH_SIZE = 8


def thin(stream: bytes) -> tuple[bytes, list[Seen]]:
    """Return the records that a table needs, and what was seen of each worksheet in its order.

    Raises `Unreadable` where they are broken, encrypted, or too many.
    """
    try:
        return _thin(stream)
    except (struct.error, IndexError) as error:
        raise damaged() from error


def _thin(stream: bytes) -> tuple[bytes, list[Seen]]:
    opening: list[bytes] = []
    bounds: list[tuple[int, bytes]] = []
    lengths: list[int] = []
    for kind, data, at in _substream(stream, 0):
        if kind == _FILEPASS:
            raise encrypted()
        if kind == _BOUNDSHEET:
            if data[5] == _WORKSHEET:
                bounds.append((struct.unpack_from("<I", data)[0], data[4:]))
        elif kind == _TEXTS:
            texts = [data, *_continued(stream, at + 4 + len(data))]
            lengths = text_lengths(texts)
            opening += [_record(_TEXTS if n == 0 else _CONTINUE, text) for n, text in enumerate(texts)]
        elif kind in _KEPT_OF_ALL or kind == _BOF:
            opening.append(_record(kind, data))
    if not bounds:
        raise empty()
    if len(bounds) > limits.MAX_SHEETS:
        raise too_many_sheets(len(bounds), limits.MAX_SHEETS)
    if len({start for start, _ in bounds}) != len(bounds):
        raise damaged()
    return _put_together(opening, bounds, _sheets(stream, [start for start, _ in bounds], lengths))


def _sheets(stream: bytes, starts: list[int], lengths: list[int]) -> list[_Sheet]:
    """Read the sheets, of which none reaches into the next: so none is read twice."""
    found: list[_Sheet] = []
    cells = text = 0
    for start in starts:
        end = min((other for other in starts if other > start), default=len(stream))
        found.append(_Sheet().take(stream, start, end, lengths))
        cells += found[-1].cells
        text += found[-1].text
        if cells > limits.MAX_CELLS or text > limits.MAX_TEXT:
            raise too_many_cells()
    return found


def _put_together(
    opening: list[bytes], bounds: list[tuple[int, bytes]], sheets: list[_Sheet]
) -> tuple[bytes, list[Seen]]:
    names = [_record(_BOUNDSHEET, bytes(4) + rest) for _, rest in bounds]
    closing = _record(_EOF, b"")
    at = sum(map(len, opening)) + sum(map(len, names)) + len(closing)
    for number, sheet in enumerate(sheets):
        names[number] = _record(_BOUNDSHEET, struct.pack("<I", at) + bounds[number][1])
        at += sum(map(len, sheet.records))
    # A program that never computes (xlwt) writes an empty result everywhere; Excel here and there, and means it.
    never_computed = not any(sheet.computed for sheet in sheets)
    seen = [
        Seen(sheet.merged, frozenset(sheet.blank_formulas if never_computed else ()), frozenset(sheet.errors))
        for sheet in sheets
    ]
    records = [record for sheet in sheets for record in sheet.records]
    return b"".join([*opening, *names, closing, *records]), seen


def _record(kind: int, data: bytes) -> bytes:
    return _STUB.pack(kind, len(data)) + data


def _substream(stream: bytes, start: int) -> Iterator[tuple[int, bytes, int]]:
    """Give the kind, data and place of each record up to the end of what begins here; what is nested is passed over."""
    depth, at = 0, start
    while True:
        kind, length = _STUB.unpack_from(stream, at)
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
        kind, length = _STUB.unpack_from(stream, at)
        if kind != _CONTINUE:
            return
        yield stream[at + 4 : at + 4 + length]
        at += 4 + length


class _Sheet:
    """A worksheet's records that are kept, and what they add up to."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.merged: list[Area] = []
        self.blank_formulas: list[tuple[int, int]] = []
        self.errors: list[tuple[int, int]] = []
        self.computed = False
        self.text = self._height = self._width = 0
        #: Where a formula is whose text comes next.
        self._awaited = b""

    @property
    def cells(self) -> int:
        """Return how many cells the sheet would have, whether filled or not."""
        return self._height * self._width

    def take(self, stream: bytes, start: int, end: int, lengths: list[int]) -> _Sheet:
        """Go through the sheet that begins at `start` and must not reach `end`."""
        for kind, data, at in _substream(stream, start):
            if at >= end:
                raise damaged()
            if kind == _BOF:
                self.records.append(_record(kind, data))
            elif kind == _MERGED:
                self.merged += _areas(data)
            elif kind == _STRING:
                if self._awaited and len(self._awaited + data) >= _LEAST_LABEL:
                    self.records.append(_record(_LABEL, self._awaited + data))
                self._awaited = b""
            elif kind == _FORMULA:
                self._formula(data)
            elif kind in _CELLS:
                self._cell(kind, data, lengths)
            if max(len(self.records), self.cells) > limits.MAX_CELLS or len(self.merged) > limits.MAX_MERGED:
                raise too_many_cells()
        self.records.append(_record(_EOF, b""))
        return self

    def _formula(self, data: bytes) -> None:
        value, self._awaited = _value_of(data)
        row, column = _STUB.unpack_from(data)
        if not value and not self._awaited:
            self.blank_formulas.append((row + 1, column))
            return
        self.computed = True
        self._reach(row, column)
        if value:
            self._note_error(value[4:])
            self.records.append(value)

    def _cell(self, kind: int, data: bytes, lengths: list[int]) -> None:
        row, column = _STUB.unpack_from(data)
        if kind in (_LABEL, _RICH):
            if len(data) < _LEAST_LABEL:
                return
            kind = _LABEL
        elif kind == _NUMBERS:
            column = struct.unpack_from("<H", data, len(data) - 2)[0]
        elif kind == _TEXT_OF_ALL:
            number = struct.unpack_from("<I", data, 6)[0]
            self.text += lengths[number] if number < len(lengths) else 0
        elif kind == _TRUTH:
            self._note_error(data)
        self._reach(row, column)
        self.records.append(_record(kind, data))

    def _note_error(self, data: bytes) -> None:
        """Note a truth value that is an error instead."""
        if len(data) == _TRUTH_SIZE and data[-1] == 1:
            row, column = _STUB.unpack_from(data)
            self.errors.append((row + 1, column))

    def _reach(self, row: int, column: int) -> None:
        self._height, self._width = max(self._height, row + 1), max(self._width, column + 1)


def _value_of(data: bytes) -> tuple[bytes, bytes]:
    """Return a formula's value as a record, and where its text goes if that comes next; both empty for no value."""
    where, value = data[:6], data[6:14]
    if len(value) < 8:  # noqa: PLR2004
        raise damaged()
    if struct.unpack_from("<H", value, 6)[0] != _ALL_OF:
        return _record(_NUMBER, where + value), b""
    if value[0] == 0:
        return b"", where
    if value[0] in (1, 2):
        return _record(_TRUTH, where + bytes((value[2], value[0] - 1))), b""
    return b"", b""


def _areas(data: bytes) -> Iterator[Area]:
    count = struct.unpack_from("<H", data)[0]
    for top, bottom, left, right in struct.iter_unpack("<4H", data[2 : 2 + 8 * count]):
        yield Area(top + 1, left, bottom + 1, right)


def text_lengths(parts: list[bytes]) -> list[int]:
    """Return how many bytes each of the shared texts takes in memory at most.

    `parts`: the record and those that continue it. Raises `Unreadable` where it promises more texts than it holds.
    """
    promised = struct.unpack_from("<i", parts[0], 4)[0]
    if not 0 <= promised <= sum(map(len, parts)) // 3:
        raise damaged()
    reader, lengths = _Parts(parts), []
    for _ in range(promised):
        count, flags = reader.header()
        runs = reader.number("<H") if flags & 0x8 else 0
        more = reader.number("<i") if flags & 0x4 else 0
        if more < 0:
            raise damaged()
        reader.characters(count, 2 if flags & 0x1 else 1)
        reader.skip(4 * runs + more)
        # What its characters take in UTF-8, as the reader keeps them.
        lengths.append(count * (3 if flags & 0x1 else 2))
    return lengths


class _Parts:
    """Goes through a record and what continues it."""

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
        """Pass over so many characters; each part says anew how wide its own are."""
        while True:
            here = (len(self._parts[self._number]) - self._at) // width
            if count <= here:
                self._at += count * width
                return
            count -= here
            self._next()
            width = 2 if self._parts[self._number][0] & 0x1 else 1
            self._at = 1

    def skip(self, length: int) -> None:
        while length > (here := len(self._parts[self._number]) - self._at):
            length -= here
            self._next()
        self._at += length
