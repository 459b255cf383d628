"""Builds a small binary workbook (.xlsb) by its records, as no library writes one."""

from __future__ import annotations

import struct

from tests.imports.sample_files import build_zip

#: Text of a cell in error, by its code.
ERRORS = {"#N/A": 0x2A, "#REF!": 0x17}
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def record(number, body=b""):
    """Return a record: number and length in groups of seven bits, and its body."""
    return _groups(number) + _groups(len(body)) + body


def _groups(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def _text(text):
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _cell(column, value):
    head = struct.pack("<II", column, 0)
    if value in ERRORS:
        return record(3, head + bytes([ERRORS[value]]))
    if isinstance(value, str):
        return record(6, head + _text(value))
    return record(5, head + struct.pack("<d", value))


def build_xlsb(sheets, *, merged=(), hidden=()):
    """Return a workbook of rows by sheet name.

    `merged`: (top, bottom, left, right) in its first sheet, each from 0. `hidden`: names of sheets.
    """
    members = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    }
    bundles, relations = b"", ""
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        bundles += record(156, struct.pack("<II", name in hidden, number) + _text(f"rId{number}") + _text(name))
        relations += (
            f'<Relationship Id="rId{number}" Type="{_RELATION}/worksheet" Target="worksheets/sheet{number}.bin"/>'
        )
        members[f"xl/worksheets/sheet{number}.bin"] = _sheet(rows, merged if number == 1 else ())
    members["xl/workbook.bin"] = record(131) + record(143) + bundles + record(144) + record(132)
    members["xl/_rels/workbook.bin.rels"] = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>'
    )
    return build_zip(members)


def _sheet(rows, merged):
    width = max(map(len, rows), default=0)
    size = struct.pack("<4I", 0, max(len(rows) - 1, 0), 0, max(width - 1, 0))
    data = b"".join(
        record(0, struct.pack("<I", number) + b"\0" * 13)
        + b"".join(_cell(column, value) for column, value in enumerate(row) if value is not None)
        for number, row in enumerate(rows)
    )
    areas = b"".join(record(176, struct.pack("<4I", *area)) for area in merged)
    return (
        record(129) + record(148, size) + record(145) + data + record(146)
        + (record(177, struct.pack("<I", len(merged))) + areas + record(178) if merged else b"") + record(130)
    )  # fmt: skip
