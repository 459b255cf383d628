"""The hidden columns of an .xlsx, which are listed before its rows."""

from __future__ import annotations

from collections.abc import Iterable

from core.xml_streaming import create_parser, local_name
from imports.formats import limits
from imports.formats.xml_parser import parse_xml_while

_TRUE = ("1", "true")


def find_hidden_columns(pieces: Iterable[bytes]) -> frozenset[int]:
    """Return the hidden columns of a worksheet; its rows are not parsed. Raises `UnreadableFile`."""
    hidden: set[int] = set()
    in_rows = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal in_rows
        name = local_name(element)
        if name == "sheetData":
            in_rows = True
        elif name == "col" and not in_rows and attributes.get("hidden") in _TRUE:
            # Columns are numbered from 1 in the file.
            first, last = int(attributes.get("min", "1")), int(attributes.get("max", "0"))
            hidden.update(range(max(first, 1) - 1, min(last, limits.MAX_COLUMNS)))

    parse_xml_while(create_parser(start), pieces, lambda: not in_rows)
    return frozenset(hidden)
