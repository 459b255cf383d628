"""The container of .xls files, which is a file system in small: sectors, and chains of them that may lie.

What is looked for is one stream, the workbook's. It is taken out here, each chain followed no further than the file is
long, and put alone into a container of our own making: whoever opens that meets no chain that we did not write.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from imports.readers.refusals import Unreadable, damaged, encrypted

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST = 0xFFFFFFFA  # from here on, numbers are marks and no sectors
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_ENTRY = 128
_STREAM = 2
_MINI = 64
#: Bytes of a sector as the header may say them, by its power of two.
_SIZES = {9: 512, 12: 4096}
#: Other things that are kept in such containers, by a stream of theirs.
_OTHERS = {"WordDocument", "PowerPoint Document", "__properties_version1.0"}


class _Entry(NamedTuple):
    name: str
    kind: int
    start: int
    size: int


def workbook_stream(content: bytes) -> bytes:
    """Return the workbook's records. Raises `Unreadable` where there are none, or they cannot be told."""
    try:
        return _Container(content).workbook()
    except (struct.error, IndexError) as error:
        raise damaged() from error


class _Container:
    def __init__(self, content: bytes) -> None:
        self._content = content
        shift, mini_shift = struct.unpack_from("<HH", content, 30)
        if shift not in _SIZES or mini_shift != 6:  # noqa: PLR2004 - the only one there is
            raise damaged()
        self._size = _SIZES[shift]
        self._count = -(-len(content) // self._size)
        directory, _, cutoff, mini_table, _, more, _ = struct.unpack_from("<7I", content, 48)
        self._cutoff = cutoff
        self._table = self._read_table(more)
        raw = self._joined(self._chain(directory, self._table), self._size)
        self._entries = [self._entry(raw, at) for at in range(0, len(raw) - _ENTRY + 1, _ENTRY)]
        self._mini_table = mini_table

    def workbook(self) -> bytes:
        names = {entry.name for entry in self._entries if entry.kind == _STREAM}
        if "EncryptedPackage" in names:
            raise encrypted()
        for wanted in ("workbook", "book"):
            found = next((e for e in self._entries if e.kind == _STREAM and e.name.lower() == wanted), None)
            if found is not None:
                return self._stream(found)
        if names & _OTHERS:
            raise Unreadable(
                "not_a_spreadsheet",
                "Ce fichier est un document Office, mais pas un tableau. Déposez un classeur .xlsx, .xls ou .ods, ou "
                "un fichier .csv.",
            )
        raise damaged()

    def _read_table(self, more: int) -> list[int]:
        """Return the table of what follows each sector."""
        numbers = list(struct.unpack_from("<109I", self._content, 76))
        seen = set[int]()
        while more < _LAST:
            if more in seen:
                raise damaged()
            seen.add(more)
            *further, more = struct.unpack(f"<{self._size // 4}I", self._sector(more))
            numbers += further
        used = [number for number in numbers if number < _LAST]
        if len(set(used)) != len(used):
            raise damaged()
        table = b"".join(map(self._sector, used))
        return list(struct.unpack(f"<{len(table) // 4}I", table))

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        if start >= len(self._content):
            raise damaged()
        # The last one may be cut short: nothing that matters need stand at its end.
        return self._content[start : start + self._size].ljust(self._size, b"\0")

    def _chain(self, start: int, table: list[int], most: int | None = None) -> list[int]:
        """Return the numbers of a chain, at most so many; whatever goes round in a circle is refused."""
        chain: list[int] = []
        most = len(table) if most is None else most
        while start < _LAST and len(chain) < most:
            chain.append(start)
            start = table[start]
        if len(chain) > self._count * (self._size // _MINI) or len(set(chain)) != len(chain):
            raise damaged()
        return chain

    def _joined(self, chain: list[int], size: int, source: bytes | None = None) -> bytes:
        if source is None:
            return b"".join(map(self._sector, chain))
        return b"".join(source[number * size : (number + 1) * size] for number in chain)

    def _entry(self, raw: bytes, at: int) -> _Entry:
        length, kind = struct.unpack_from("<HB", raw, at + 64)
        start, size = struct.unpack_from("<IQ", raw, at + 116)
        if self._size == _SIZES[9]:
            size &= 0xFFFFFFFF
        name = raw[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        return _Entry(name, kind, start, size)

    def _stream(self, entry: _Entry) -> bytes:
        if entry.size > len(self._content):
            raise damaged()
        if entry.size >= self._cutoff:
            found = self._joined(self._chain(entry.start, self._table, -(-entry.size // self._size)), self._size)
        else:
            root = self._entries[0]
            minis = self._joined(self._chain(root.start, self._table), self._size)
            table_bytes = self._joined(self._chain(self._mini_table, self._table), self._size)
            table = list(struct.unpack(f"<{len(table_bytes) // 4}I", table_bytes))
            found = self._joined(self._chain(entry.start, table, -(-entry.size // _MINI)), _MINI, minis)
        if len(found) < entry.size:
            raise damaged()
        return found[: entry.size]


def container_of(stream: bytes) -> bytes:
    """Return a container that holds this stream alone, by the name « Workbook »."""
    size = _SIZES[12]
    stream += bytes(-len(stream) % size)
    length = len(stream) // size
    # Sector 0 is the directory, then come the stream and the table that describes all of them.
    tables = 1
    while tables * size // 4 < 1 + length + tables:
        tables += 1
    follows = [_END, *range(2, length + 1), _END, *[_TABLE] * tables]
    follows += [_FREE] * (tables * size // 4 - len(follows))
    numbers = [*range(1 + length, 1 + length + tables)]
    header = struct.pack(
        "<8s16x5H6x10I", SIGNATURE, 0x3E, 4, 0xFFFE, 12, 6, 1, tables, 0, 0, 4096, _END, 0, _END, 0, numbers[0]
    )
    header += struct.pack("<108I", *numbers[1:], *[_FREE] * (109 - tables))
    directory = _named("Root Entry", 5, 1, 0, 0) + _named("Workbook", _STREAM, _FREE, 1, len(stream))
    return b"".join(
        (header.ljust(size, b"\0"), directory.ljust(size, b"\0"), stream, struct.pack(f"<{len(follows)}I", *follows))
    )


def _named(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack("<64sHBB3I36xIQ", text, len(text) + 2, kind, 1, _FREE, _FREE, child, start, size)
