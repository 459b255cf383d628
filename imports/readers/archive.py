"""A workbook is a zip archive: whether it can be unpacked without harm, asked before anybody unpacks it.

The archive's directory says what each member weighs, and it may lie. So each member is unpacked here once, a piece at
a time and never further than the directory says; what claims too much, or holds more than it claims, is refused.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from imports.readers import limits
from imports.readers.refusals import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 256 * 1024
LOCAL_HEADER = 30
DAMAGED = Unreadable(
    "damaged",
    "Ce classeur est abîmé ou incomplet. Ouvrez-le dans votre tableur, enregistrez-le de nouveau en .xlsx, "
    "puis déposez-le.",
)
TOO_WIDE = Unreadable(
    "too_many_cells",
    "Ce classeur contient une feuille démesurée (plus de 10 millions de cases). Copiez le tableau dans un nouveau "
    "classeur, puis déposez celui-ci.",
)
# Attributes may be quoted either way and parted by any white space: a sheet is brought to one spelling first. Each
# pattern begins with what can be searched for quickly.
_SPELLING = bytes.maketrans(b"'\t\r\n", b'"   ')
_ROW = re.compile(rb'row [^>]*?r *= *"([0-9]{1,9})"')
_WIDE = re.compile(rb' r *= *"[A-Z]{2}')
_COLUMN = re.compile(rb' r *= *"([A-Z]{1,4})[0-9]')
_FILLED = re.compile(rb'c [^>]*?r *= *"([A-Z]{1,4})([0-9]{1,9})"[^>]*(?<!/)>')
#: Columns named by one letter.
_NARROW = 26


def directory(content: bytes) -> list[zipfile.ZipInfo]:
    """Return the archive's members. Raises `Unreadable` where there is no sound directory, or it claims too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError, EOFError) as error:
        raise DAMAGED from error
    if sum(member.file_size for member in members) > limits.MAX_UNPACKED:
        raise Unreadable(
            "zip_bomb",
            "Ce classeur, une fois décompressé, dépasse 300 Mo : il n'a pas été ouvert. Copiez le tableau seul dans "
            "un nouveau classeur, puis déposez celui-ci.",
        )
    if len({member.filename for member in members}) != len(members):
        raise DAMAGED
    return members


def verify(content: bytes, members: list[zipfile.ZipInfo]) -> None:
    """Unpack every member once, piece by piece, and refuse what lies about its size or holds an immense sheet."""
    for member in members:
        pieces = inflate(content, member)
        if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
            _bound(content, member, pieces)
        else:
            for _ in pieces:
                pass


def inflate(content: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give a member's bytes a piece at a time. Raises `Unreadable` as soon as there are more than it claims."""
    header = content[member.header_offset : member.header_offset + LOCAL_HEADER]
    if len(header) < LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise DAMAGED
    if member.flag_bits & 0x1:
        raise Unreadable("encrypted", "Ce classeur est protégé par un mot de passe. Retirez-le, puis déposez-le.")
    name, extra = struct.unpack("<HH", header[26:30])
    start = member.header_offset + LOCAL_HEADER + name + extra
    packed = memoryview(content)[start : start + member.compress_size]
    if len(packed) < member.compress_size:
        raise DAMAGED
    if member.compress_type == zipfile.ZIP_STORED:
        if member.compress_size != member.file_size:
            raise DAMAGED
        yield bytes(packed)
        return
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise DAMAGED
    yield from _inflated(packed, member.file_size)


def _inflated(packed: memoryview, claimed: int) -> Iterator[bytes]:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    left, pending = claimed, bytes(packed)
    try:
        while not engine.eof:
            piece = engine.decompress(pending, PIECE)
            pending = engine.unconsumed_tail
            left -= len(piece)
            if left < 0:
                raise DAMAGED
            if piece:
                yield piece
            elif not pending:
                break
    except zlib.error as error:
        raise DAMAGED from error
    if left or not engine.eof:
        raise DAMAGED


def _bound(content: bytes, member: zipfile.ZipInfo, pieces: Iterator[bytes]) -> None:
    """Refuse a sheet whose corner is so far away that the space up to it would not fit into memory.

    Two cells, A1 and XFD1048576, make a file of two kilobytes and a table of seventeen thousand million cells.
    """
    height, columns, tail = 0, set[bytes](), b""
    for piece in pieces:
        text = tail + piece.translate(_SPELLING)
        height = max(height, max(map(int, _ROW.findall(text)), default=0))
        if _WIDE.search(text):
            columns.update(_COLUMN.findall(text))
        tail = text[-200:]
    if height * max(_width(columns), _NARROW) <= limits.MAX_CELLS:
        return
    # Rows that are only formatted reach down to the last one of many a real sheet: count those that hold something.
    height, columns, tail = 0, set(), b""
    for piece in inflate(content, member):
        text = tail + piece.translate(_SPELLING)
        for column, row in _FILLED.findall(text):
            height = max(height, int(row))
            columns.add(column)
        tail = text[-200:]
    if height * _width(columns) > limits.MAX_CELLS:
        raise TOO_WIDE


def _width(columns: set[bytes]) -> int:
    widest = max(columns, key=lambda letters: (len(letters), letters), default=b"A")
    number = 0
    for letter in widest:
        number = number * 26 + letter - 64
    return number
