"""A workbook is a zip archive: whether it can be unpacked without harm, asked before anybody unpacks it.

The archive's directory says what each member weighs, and it may lie; there may be two directories, of which one
program believes the first and another the last. So each member that is wanted is unpacked here once, a piece at a time
and never further than the directory says; and what has been checked goes on in an archive of our own making, with a
directory that we wrote.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from imports.readers import limits
from imports.readers.refusals import Unreadable, damaged, encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PIECE = 256 * 1024
_PORTION = 64 * 1024
SIGNATURE = b"PK\x03\x04"
_LOCAL_HEADER = 30
_DIRECTORY_HEADER, _DIRECTORY_END = b"PK\x01\x02", b"PK\x05\x06"
#: The oldest version of the format, and no flags; the first day it knows.
_PLAIN = struct.Struct("<HHHHHIIIHH")
_FIRST_DAY = 33


def directory(content: bytes) -> list[zipfile.ZipInfo]:
    """Return the archive's members. Raises `Unreadable` where there is no sound directory, or it claims too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError, EOFError) as error:
        raise damaged() from error
    if sum(member.file_size for member in members) > limits.MAX_UNPACKED:
        raise Unreadable(
            "zip_bomb",
            "Ce classeur, une fois décompressé, dépasse 300 Mo : il n'a pas été ouvert. Copiez le tableau seul dans "
            "un nouveau classeur, puis déposez celui-ci.",
        )
    # Whoever reads it looks names up without regard to case.
    if len({member.filename.lower() for member in members}) != len(members):
        raise damaged()
    return members


def inflate(content: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give a member's bytes a piece at a time. Raises `Unreadable` as soon as there are more than it claims."""
    packed = _packed(content, member)
    if member.compress_type == zipfile.ZIP_STORED:
        if member.compress_size != member.file_size:
            raise damaged()
        yield from (bytes(packed[at : at + PIECE]) for at in range(0, len(packed), PIECE))
        return
    yield from _inflated(packed, member.file_size)


def repacked(content: bytes, members: Iterable[zipfile.ZipInfo], more: Mapping[str, bytes] | None = None) -> bytes:
    """Return an archive of these members, as they are packed, and of some more; its directory is true."""
    bodies: list[bytes] = []
    entries: list[bytes] = []
    at = 0
    stored = {name: (zipfile.ZIP_STORED, zlib.crc32(text), len(text), text) for name, text in (more or {}).items()}
    kept = {m.filename: (m.compress_type, m.CRC, m.file_size, bytes(_packed(content, m))) for m in members}
    for name, (method, checksum, size, body) in {**stored, **kept}.items():
        raw = name.encode()
        # That names are UTF-8, and then what any reader asks first.
        plain = _PLAIN.pack(20, 0x800, method, 0, _FIRST_DAY, checksum, len(body), size, len(raw), 0)
        entries.append(_DIRECTORY_HEADER + struct.pack("<H", 20) + plain + struct.pack("<HHHII", 0, 0, 0, 0, at) + raw)
        bodies += [SIGNATURE + plain + raw, body]
        at += _LOCAL_HEADER + len(raw) + len(body)
    listed = b"".join(entries)
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(listed), at, 0)
    return b"".join([*bodies, listed, _DIRECTORY_END, end])


def _packed(content: bytes, member: zipfile.ZipInfo) -> memoryview:
    header = content[member.header_offset : member.header_offset + _LOCAL_HEADER]
    if len(header) < _LOCAL_HEADER or not header.startswith(SIGNATURE):
        raise damaged()
    if member.flag_bits & 0x1:
        raise encrypted()
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise damaged()
    name, extra = struct.unpack("<HH", header[26:30])
    start = member.header_offset + _LOCAL_HEADER + name + extra
    packed = memoryview(content)[start : start + member.compress_size]
    if len(packed) < member.compress_size:
        raise damaged()
    return packed


def _inflated(packed: memoryview, claimed: int) -> Iterator[bytes]:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    left = claimed
    try:
        # In portions, for what is left over of one is copied each time.
        for at in range(0, len(packed) + 1, _PORTION):
            pending = bytes(packed[at : at + _PORTION])
            while not engine.eof and (piece := engine.decompress(pending, PIECE)):
                pending = engine.unconsumed_tail
                left -= len(piece)
                if left < 0:
                    raise damaged()
                yield piece
    except zlib.error as error:
        raise damaged() from error
    if left or not engine.eof:
        raise damaged()
