"""The OLE compound file that contains an .xls: a small file system of sectors, whose chains cannot be trusted.

The workbook's stream is extracted here, following each chain no further than the file is long, and put alone into a
new container, so that calamine follows only chains written by this module.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from imports.formats.exceptions import UnreadableFile, damaged, encrypted

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FIRST_MARKER = 0xFFFFFFFA  # from here on, numbers are markers and not sectors
_END, _FREE, _FAT_MARKER = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_ENTRY_SIZE = 128
_STREAM_TYPE = 2
_MINI_SIZE = 64
#: Bytes of a sector, by the power of two in the header.
_SECTOR_SIZES = {9: 512, 12: 4096}
#: Streams by which other documents in such containers are recognised.
_OTHER_STREAMS = {"WordDocument", "PowerPoint Document", "__properties_version1.0"}


class _DirectoryEntry(NamedTuple):
    name: str
    kind: int
    start: int
    size: int


def read_workbook_stream(content: bytes) -> bytes:
    """Return the stream of the workbook's records. Raises `UnreadableFile` where it is absent or damaged."""
    try:
        return _Container(content).workbook()
    except (struct.error, IndexError) as error:
        raise damaged() from error


class _Container:
    def __init__(self, content: bytes) -> None:
        self._content = content
        shift, mini_shift = struct.unpack_from("<HH", content, 30)
        if shift not in _SECTOR_SIZES or mini_shift != 6:  # noqa: PLR2004 - the only one there is
            raise damaged()
        self._size = _SECTOR_SIZES[shift]
        self._sector_count = -(-len(content) // self._size)
        directory, _, cutoff, mini_fat_start, _, next_difat, _ = struct.unpack_from("<7I", content, 48)
        self._cutoff = cutoff
        self._fat = self._read_fat(next_difat)
        raw = self._join_sectors(self._chain(directory, self._fat), self._size)
        self._entries = [self._entry(raw, at) for at in range(0, len(raw) - _ENTRY_SIZE + 1, _ENTRY_SIZE)]
        self._mini_fat_start = mini_fat_start

    def workbook(self) -> bytes:
        names = {entry.name for entry in self._entries if entry.kind == _STREAM_TYPE}
        if "EncryptedPackage" in names:
            raise encrypted()
        for wanted in ("workbook", "book"):
            found = next((e for e in self._entries if e.kind == _STREAM_TYPE and e.name.lower() == wanted), None)
            if found is not None:
                return self._stream(found)
        if names & _OTHER_STREAMS:
            raise UnreadableFile(
                "not_a_spreadsheet",
                "Ce fichier est un document Office, mais pas un tableau. Déposez un classeur .xlsx, .xls ou .ods, ou "
                "un fichier .csv.",
            )
        raise damaged()

    def _read_fat(self, next_difat: int) -> list[int]:
        """Return the file allocation table: the number of the sector that follows each sector."""
        numbers = list(struct.unpack_from("<109I", self._content, 76))
        visited = set[int]()
        while next_difat < _FIRST_MARKER:
            if next_difat in visited:
                raise damaged()
            visited.add(next_difat)
            *further, next_difat = struct.unpack(f"<{self._size // 4}I", self._sector(next_difat))
            numbers += further
        fat_sectors = [number for number in numbers if number < _FIRST_MARKER]
        if len(set(fat_sectors)) != len(fat_sectors):
            raise damaged()
        fat = b"".join(map(self._sector, fat_sectors))
        return list(struct.unpack(f"<{len(fat) // 4}I", fat))

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        if start >= len(self._content):
            raise damaged()
        # The last sector may be truncated: its end is often unused.
        return self._content[start : start + self._size].ljust(self._size, b"\0")

    def _chain(self, start: int, fat: list[int], max_length: int | None = None) -> list[int]:
        """Return the sector numbers of a chain, at most `max_length`. Raises `UnreadableFile` for a cycle."""
        chain: list[int] = []
        max_length = len(fat) if max_length is None else max_length
        while start < _FIRST_MARKER and len(chain) < max_length:
            chain.append(start)
            start = fat[start]
        if len(chain) > self._sector_count * (self._size // _MINI_SIZE) or len(set(chain)) != len(chain):
            raise damaged()
        return chain

    def _join_sectors(self, chain: list[int], size: int, mini_stream: bytes | None = None) -> bytes:
        if mini_stream is None:
            return b"".join(map(self._sector, chain))
        return b"".join(mini_stream[number * size : (number + 1) * size] for number in chain)

    def _entry(self, raw: bytes, at: int) -> _DirectoryEntry:
        length, kind = struct.unpack_from("<HB", raw, at + 64)
        start, size = struct.unpack_from("<IQ", raw, at + 116)
        if self._size == _SECTOR_SIZES[9]:
            size &= 0xFFFFFFFF
        name = raw[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        return _DirectoryEntry(name, kind, start, size)

    def _stream(self, entry: _DirectoryEntry) -> bytes:
        if entry.size > len(self._content):
            raise damaged()
        if entry.size >= self._cutoff:
            found = self._join_sectors(self._chain(entry.start, self._fat, -(-entry.size // self._size)), self._size)
        else:
            root = self._entries[0]
            mini_stream = self._join_sectors(self._chain(root.start, self._fat), self._size)
            fat_bytes = self._join_sectors(self._chain(self._mini_fat_start, self._fat), self._size)
            fat = list(struct.unpack(f"<{len(fat_bytes) // 4}I", fat_bytes))
            found = self._join_sectors(
                self._chain(entry.start, fat, -(-entry.size // _MINI_SIZE)), _MINI_SIZE, mini_stream
            )
        if len(found) < entry.size:
            raise damaged()
        return found[: entry.size]


def build_container(stream: bytes) -> bytes:
    """Return a container with this stream only, named « Workbook »."""
    size = _SECTOR_SIZES[12]
    stream += bytes(-len(stream) % size)
    length = len(stream) // size
    # Sector 0 is the directory; then come the stream and the file allocation table.
    fat_count = 1
    while fat_count * size // 4 < 1 + length + fat_count:
        fat_count += 1
    entries = [_END, *range(2, length + 1), _END, *[_FAT_MARKER] * fat_count]
    entries += [_FREE] * (fat_count * size // 4 - len(entries))
    numbers = [*range(1 + length, 1 + length + fat_count)]
    header = struct.pack(
        "<8s16x5H6x10I",
        SIGNATURE,
        0x3E,
        4,
        0xFFFE,
        12,
        6,
        1,
        fat_count,
        0,
        0,
        4096,
        _END,
        0,
        _END,
        0,
        numbers[0],
    )
    header += struct.pack("<108I", *numbers[1:], *[_FREE] * (109 - fat_count))
    directory = _pack_entry("Root Entry", 5, 1, 0, 0) + _pack_entry("Workbook", _STREAM_TYPE, _FREE, 1, len(stream))
    return b"".join(
        (
            header.ljust(size, b"\0"),
            directory.ljust(size, b"\0"),
            stream,
            struct.pack(f"<{len(entries)}I", *entries),
        )
    )


def _pack_entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack("<64sHBB3I36xIQ", text, len(text) + 2, kind, 1, _FREE, _FREE, child, start, size)
