"""Check the zip archive of a workbook before it is unpacked, and rebuild it.

The sizes in the archive's directory cannot be trusted; there may be two directories, of which one program reads the
first and another the last. So each wanted member is decompressed here once, in chunks and never beyond its declared
size; the checked members are passed on in a new archive with a new directory.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from imports.formats import limits
from imports.formats.exceptions import UnreadableFile, damaged, encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CHUNK_SIZE = 256 * 1024
_READ_SIZE = 64 * 1024
SIGNATURE = b"PK\x03\x04"
_LOCAL_HEADER = 30
_DIRECTORY_HEADER, _DIRECTORY_END = b"PK\x01\x02", b"PK\x05\x06"
#: The fields that a local header and a directory entry share; the first day of the format.
_COMMON_HEADER = struct.Struct("<HHHHHIIIHH")
_DOS_EPOCH = 33


def read_directory(content: bytes) -> list[zipfile.ZipInfo]:
    """Return the archive's members. Raises `UnreadableFile` where they are damaged or declare too many bytes."""
    if content.count(_DIRECTORY_HEADER) > limits.MAX_MEMBERS:
        raise damaged()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, OSError, EOFError) as error:
        raise damaged() from error
    if sum(member.file_size for member in members) > limits.MAX_UNPACKED:
        raise UnreadableFile(
            "zip_bomb",
            "Ce classeur, une fois décompressé, dépasse 300 Mo : il n'a pas été ouvert. Copiez le tableau seul dans "
            "un nouveau classeur, puis déposez celui-ci.",
        )
    # Readers look names up case-insensitively.
    if len({member.filename.lower() for member in members}) != len(members):
        raise damaged()
    return members


def inflate(content: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes in chunks. Raises `UnreadableFile` as soon as they exceed its declared size."""
    compressed = _compressed_bytes(content, member)
    if member.compress_type == zipfile.ZIP_STORED:
        if member.compress_size != member.file_size:
            raise damaged()
        yield from (bytes(compressed[at : at + CHUNK_SIZE]) for at in range(0, len(compressed), CHUNK_SIZE))
        return
    yield from _decompress(compressed, member.file_size)


def repack(content: bytes, members: Iterable[zipfile.ZipInfo], added: Mapping[str, bytes] | None = None) -> bytes:
    """Return a new archive of these members, as they are compressed, and of `added` ones (name → bytes)."""
    bodies: list[bytes] = []
    entries: list[bytes] = []
    at = 0
    stored = {name: (zipfile.ZIP_STORED, zlib.crc32(text), len(text), text) for name, text in (added or {}).items()}
    kept = {m.filename: (m.compress_type, m.CRC, m.file_size, bytes(_compressed_bytes(content, m))) for m in members}
    for name, (method, checksum, size, body) in {**stored, **kept}.items():
        raw = name.encode()
        # 0x800: names are UTF-8.
        common = _COMMON_HEADER.pack(20, 0x800, method, 0, _DOS_EPOCH, checksum, len(body), size, len(raw), 0)
        entries.append(_DIRECTORY_HEADER + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + raw)
        bodies += [SIGNATURE + common + raw, body]
        at += _LOCAL_HEADER + len(raw) + len(body)
    directory_bytes = b"".join(entries)
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory_bytes), at, 0)
    return b"".join([*bodies, directory_bytes, _DIRECTORY_END, end])


def _compressed_bytes(content: bytes, member: zipfile.ZipInfo) -> memoryview:
    header = content[member.header_offset : member.header_offset + _LOCAL_HEADER]
    if len(header) < _LOCAL_HEADER or not header.startswith(SIGNATURE):
        raise damaged()
    if member.flag_bits & 0x1:
        raise encrypted()
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise damaged()
    name, extra = struct.unpack("<HH", header[26:30])
    start = member.header_offset + _LOCAL_HEADER + name + extra
    compressed = memoryview(content)[start : start + member.compress_size]
    if len(compressed) < member.compress_size:
        raise damaged()
    return compressed


def _decompress(compressed: memoryview, declared_size: int) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    remaining = declared_size
    try:
        # In slices: `unconsumed_tail` copies the rest of its input each time.
        for at in range(0, len(compressed) + 1, _READ_SIZE):
            pending = bytes(compressed[at : at + _READ_SIZE])
            while not decompressor.eof and (piece := decompressor.decompress(pending, CHUNK_SIZE)):
                pending = decompressor.unconsumed_tail
                remaining -= len(piece)
                if remaining < 0:
                    raise damaged()
                yield piece
    except zlib.error as error:
        raise damaged() from error
    if remaining or not decompressor.eof:
        raise damaged()
