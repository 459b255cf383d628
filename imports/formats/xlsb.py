"""Open an .xlsb: calamine reads its cells, and its records are looked through for what calamine does not show.

Those are errors, merged cells and hidden columns; a binary formula always has its result. The records are those of
[MS-XLSB] 2.1.4: a number and a length, each in groups of seven bits, then as many bytes.
"""

import struct
from collections.abc import Iterator

from imports.formats import limits, loaded_workbook
from imports.formats.exceptions import damaged, too_many_formulas, too_many_sheets
from imports.formats.loaded_workbook import LoadedWorkbook
from imports.formats.sheet_types import MergedRange, SheetMetadata
from imports.formats.workbook_parts import WorkbookArchive, find_worksheets

#: Member names in lower case, as they are looked up.
WORKBOOK, RELATIONS = "xl/workbook.bin", "xl/_rels/workbook.bin.rels"
#: Numbers of the records that are read.
_ROW, _CELL_ERROR, _FORMULA_ERROR, _COLUMNS, _SHEET, _MERGED = 0, 3, 11, 60, 156, 176
#: Columns of one width: the first, the last, the width, the style, and flags of which the lowest hides them.
_COLUMN_LAYOUT, _HIDDEN_FLAG = struct.Struct("<4IH"), 1
#: The most groups of seven bits in a record's number and in its length.
_NUMBER_BYTES, _LENGTH_BYTES = 2, 4
_NO_LENGTH = 0xFFFFFFFF


def open_xlsb(content: bytes, archive: WorkbookArchive) -> LoadedWorkbook:
    """Open an .xlsb. Raises `UnreadableFile`."""
    metadata = {name: _read_metadata(archive, member) for name, member in _find_sheets(archive).items()}
    return LoadedWorkbook("xlsb", loaded_workbook.read_named_sheets(content, metadata))


def _find_sheets(archive: WorkbookArchive) -> dict[str, str]:
    """Return the name of each worksheet's member by sheet name, in order."""
    identities: dict[str, str] = {}
    for number, body in _read_records(b"".join(archive.read(WORKBOOK))):
        if number == _SHEET:
            identity, end = _read_text(body, 8)
            name, _ = _read_text(body, end)
            identities[name] = identity
            if len(identities) > limits.MAX_SHEETS:
                raise too_many_sheets(len(identities), limits.MAX_SHEETS)
    return find_worksheets(archive, RELATIONS, identities)


def _read_metadata(archive: WorkbookArchive, member: str) -> SheetMetadata:
    errors: set[tuple[int, int]] = set()
    merged: list[MergedRange] = []
    hidden_columns: set[int] = set()
    row = 0
    for number, body in _read_records(b"".join(archive.read(member))):
        if number == _ROW:
            (row,) = _unpack("<I", body)
        elif number in (_CELL_ERROR, _FORMULA_ERROR):
            (column,) = _unpack("<I", body)
            errors.add((row + 1, column))
            if len(errors) > limits.MAX_UNRESOLVED_FORMULAS:
                raise too_many_formulas()
        elif number == _MERGED:
            top, bottom, left, right = _unpack("<4I", body)
            merged.append(MergedRange(top + 1, left, bottom + 1, right))
        elif number == _COLUMNS and len(body) >= _COLUMN_LAYOUT.size:
            first, last, _, _, flags = _COLUMN_LAYOUT.unpack_from(body)
            if flags & _HIDDEN_FLAG:
                hidden_columns.update(range(first, min(last + 1, limits.MAX_COLUMNS)))
    return SheetMetadata(merged, frozenset(), frozenset(errors), hidden_columns=frozenset(hidden_columns))


def _read_records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the body of each record. Raises `UnreadableFile` where one is cut off."""
    at = 0
    while at < len(content):
        number, at = _read_integer(content, at, _NUMBER_BYTES)
        length, at = _read_integer(content, at, _LENGTH_BYTES)
        if at + length > len(content):
            raise damaged()
        yield number, content[at : at + length]
        at += length


def _read_integer(content: bytes, at: int, most: int) -> tuple[int, int]:
    """Return an integer in groups of seven bits, the lowest first, and where it ends."""
    value = 0
    for group in range(most):
        if at + group >= len(content):
            raise damaged()
        byte = content[at + group]
        value |= (byte & 0x7F) << (7 * group)
        if not byte & 0x80:
            return value, at + group + 1
    return value, at + most


def _read_text(body: bytes, at: int) -> tuple[str, int]:
    """Return a text with its length in characters before it, and where it ends."""
    (length,) = _unpack("<I", body[at:])
    end = at + 4 + 2 * length
    if length == _NO_LENGTH or end > len(body):
        raise damaged()
    return body[at + 4 : end].decode("utf-16-le", "replace"), end


def _unpack(layout: str, body: bytes) -> tuple[int, ...]:
    if len(body) < struct.calcsize(layout):
        raise damaged()
    return struct.unpack_from(layout, body)
