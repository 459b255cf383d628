"""Bound the memory that the shared strings of an .xlsx take once each cell has its own copy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imports.formats import limits, xml_parser
from imports.formats.exceptions import damaged, too_many_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ITEM_END = b"</si>"
_ANY_ITEM_END = re.compile(rb"</(?:[\w.-]+:)?si\s*>")
_ROOT = re.compile(rb"[<:]sst[\s/>]")
_REFERENCE = re.compile(rb' t="s"[^>]*+><v>([0-9]{1,9})</v></c>')
#: A tag, a text of one letter, and the closing tag.
_MIN_CELL_BYTES = 16


def check_expanded_size(
    texts: Callable[[], Iterable[bytes]], cells: Callable[[], Iterable[bytes]], size_of_cells: int
) -> None:
    """Raise `UnreadableFile` where the text of all cells would exceed `limits.MAX_TEXT_BYTES`.

    `texts`, `cells`: return the XML of the shared strings and of all sheets, from the start each time; their pieces
    split no tag and no cell. Checks the cheap upper bound first: the longest text in every cell.
    """
    _check_declared_count(next(iter(texts()), b""))
    max_length = _max_length(texts())
    if max_length * (size_of_cells // _MIN_CELL_BYTES) <= limits.MAX_TEXT_BYTES:
        return
    if max_length * sum(_count_references(piece) for piece in cells()) <= limits.MAX_TEXT_BYTES:
        return
    lengths = _lengths(texts())
    total = 0
    for piece in cells():
        indexes = [int(number) for number in _REFERENCE.findall(piece)]
        total += sum(lengths[number] for number in indexes if number < len(lengths))
        # References in another notation may be to any text.
        total += (_count_references(piece) - len(indexes)) * max_length
        if total > limits.MAX_TEXT_BYTES:
            raise too_many_cells()


def _check_declared_count(head: bytes) -> None:
    """Raise `UnreadableFile` where the declared count is invalid or huge: calamine allocates that much memory."""
    roots: list[dict[str, str]] = []
    reader = xml_parser.create_parser(lambda _, attributes: None if roots else roots.append(attributes))
    xml_parser.parse_head(reader, head)
    for attributes in roots:
        declared = attributes.get("uniqueCount", "0")
        if not (declared.isascii() and declared.isdigit() and len(declared) < len(str(limits.MAX_CELLS))):
            raise damaged()
    if not roots or len(_ROOT.findall(head)) != 1:
        raise damaged()


def _count_references(piece: bytes) -> int:
    return piece.count(b'"s"') + piece.count(b"'s'")


def _max_length(pieces: Iterable[bytes]) -> int:
    """Return an upper bound of the texts' sizes in bytes, tags included. Raises `UnreadableFile` for too many texts."""
    max_length = unfinished = count = size = 0
    literal = False
    for piece in pieces:
        if size and _ROOT.search(piece):
            raise damaged()
        size += len(piece)
        literal = literal or b"<![CDATA[" in piece
        parts = piece.split(_ITEM_END) if _ITEM_END in piece else _ANY_ITEM_END.split(piece)
        lengths = [len(part) for part in parts]
        lengths[0] += unfinished
        max_length = max(max_length, *lengths)
        unfinished = lengths[-1]
        count += max(len(parts) - 1, piece.count(b"/>"))
        if count > limits.MAX_CELLS:
            raise too_many_cells()
    return size if literal else max_length


def _lengths(pieces: Iterable[bytes]) -> list[int]:
    """Return the size of each text in bytes, tags included."""
    lengths: list[int] = []
    start_offset = 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal start_offset
        if xml_parser.local_name(name) == "si":
            start_offset = reader.CurrentByteIndex

    def end(name: str) -> None:
        if xml_parser.local_name(name) == "si":
            lengths.append(reader.CurrentByteIndex - start_offset)

    reader = xml_parser.create_parser(start)
    reader.EndElementHandler = end
    xml_parser.parse(reader, pieces)
    return lengths
