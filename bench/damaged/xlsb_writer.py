"""Writes a small binary workbook (.xlsb) by its records, as no library does."""

import struct
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bench.damaged.zip_archive import build_archive

#: Codes of the errors that a cell may hold.
_ERRORS = {"#N/A": 0x2A, "#REF!": 0x17}
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def write_xlsb(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    merged: Sequence[tuple[int, int, int, int]] = (),
    hidden: Collection[str] = (),
    hidden_columns: Collection[int] = (),
) -> bytes:
    """Return a workbook of rows of texts and numbers, by sheet name.

    `merged`: (top, bottom, left, right) in its first sheet, each from 0. `hidden`: names of sheets.
    `hidden_columns`: of its first sheet, each from 0.
    """
    members: dict[str, str | bytes] = {"[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>'}
    bundles, relations = b"", ""
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        state = struct.pack("<II", name in hidden, number)
        bundles += write_record(156, state + _text(f"rId{number}") + _text(name))
        target = f"worksheets/sheet{number}.bin"
        relations += f'<Relationship Id="rId{number}" Type="{_RELATION}/worksheet" Target="{target}"/>'
        members[f"xl/{target}"] = _sheet(rows, merged if number == 1 else (), hidden_columns if number == 1 else ())
    members["xl/workbook.bin"] = b"".join(
        [write_record(131), write_record(143), bundles, write_record(144), write_record(132)]
    )
    members["xl/_rels/workbook.bin.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'
    )
    return build_archive(members)


def write_record(number: int, body: bytes = b"") -> bytes:
    """Return a record: its number and length in groups of seven bits, and its body."""
    return _groups(number) + _groups(len(body)) + body


def _groups(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _sheet(
    rows: Sequence[Sequence[Any]], merged: Sequence[tuple[int, int, int, int]], hidden_columns: Collection[int]
) -> bytes:
    width = max(map(len, rows), default=0)
    size = struct.pack("<4I", 0, max(len(rows) - 1, 0), 0, max(width - 1, 0))
    parts = [write_record(129), write_record(148, size)]
    if hidden_columns:
        columns = [write_record(60, struct.pack("<4IH", column, column, 2_560, 0, 1)) for column in hidden_columns]
        parts += [write_record(390), *columns, write_record(391)]
    parts.append(write_record(145))
    for number, row in enumerate(rows):
        parts.append(write_record(0, struct.pack("<I", number) + b"\0" * 13))
        parts += [_cell(column, value) for column, value in enumerate(row) if value not in ("", None)]
    parts.append(write_record(146))
    if merged:
        areas = [write_record(176, struct.pack("<4I", *area)) for area in merged]
        parts += [write_record(177, struct.pack("<I", len(merged))), *areas, write_record(178)]
    return b"".join([*parts, write_record(130)])


def _cell(column: int, value: str | float) -> bytes:
    head = struct.pack("<II", column, 0)
    if isinstance(value, str) and value in _ERRORS:
        return write_record(3, head + bytes([_ERRORS[value]]))
    if isinstance(value, str):
        return write_record(6, head + _text(value))
    return write_record(5, head + struct.pack("<d", value))
