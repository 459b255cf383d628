"""Records of .xls files, read and changed."""

from __future__ import annotations

import struct

from imports.formats import ole


def records(content):
    """Return the records of an .xls: their kind and their bytes."""
    stream, at = ole.read_workbook_stream(content), 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def with_records(content, change):
    """Return an .xls whose records are changed one by one: `change(kind, data)` gives the data."""
    changed_records = b"".join(
        struct.pack("<HH", kind, len(data)) + data for kind, old in records(content) for data in [change(kind, old)]
    )
    return ole.build_container(changed_records)


def with_password(content):
    """Return an .xls that begins like one whose records are encrypted."""
    found = [*records(content)]
    found.insert(1, (0x002F, struct.pack("<HHH", 1, 1, 1) + b"x" * 48))
    return ole.build_container(b"".join(struct.pack("<HH", kind, len(data)) + data for kind, data in found))
