"""The texts that cells of an .xlsx share: how much memory they take once each cell has its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imports.readers import limits, markup
from imports.readers.refusals import damaged, too_many_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_END = b"</si>"
_ANY_END = re.compile(rb"</(?:[\w.-]+:)?si\s*>")
_ROOT = re.compile(rb"[<:]sst[\s/>]")
_REFERENCE = re.compile(rb' t="s"[^>]*+><v>([0-9]{1,9})</v></c>')
#: A mark, a text of one letter, and the mark's end.
_LEAST_CELL = 16


def check(texts: Callable[[], Iterable[bytes]], cells: Callable[[], Iterable[bytes]], size_of_cells: int) -> None:
    """Refuse a workbook whose cells would unfold into too much text.

    `texts`, `cells`: give the XML of the shared texts and of all sheets, anew each time; their pieces cut no mark and
    no cell in two. What is cheap is asked first: whether the longest text in each cell would be too much.
    """
    _check_promise(next(iter(texts()), b""))
    longest = _longest(texts())
    if longest * (size_of_cells // _LEAST_CELL) <= limits.MAX_TEXT:
        return
    if longest * sum(_references(piece) for piece in cells()) <= limits.MAX_TEXT:
        return
    lengths = _lengths(texts())
    total = 0
    for piece in cells():
        found = [int(number) for number in _REFERENCE.findall(piece)]
        total += sum(lengths[number] for number in found if number < len(lengths))
        # Written in some other way: they may be any.
        total += (_references(piece) - len(found)) * longest
        if total > limits.MAX_TEXT:
            raise too_many_cells()


def _check_promise(head: bytes) -> None:
    """Refuse a number of texts that is none: their reader sets memory aside for so many, and dies of it."""
    roots: list[dict[str, str]] = []
    reader = markup.parser(lambda _, attributes: None if roots else roots.append(attributes))
    markup.begin(reader, head)
    for attributes in roots:
        promised = attributes.get("uniqueCount", "0")
        if not (promised.isascii() and promised.isdigit() and len(promised) < len(str(limits.MAX_CELLS))):
            raise damaged()
    if not roots or len(_ROOT.findall(head)) != 1:
        raise damaged()


def _references(piece: bytes) -> int:
    return piece.count(b'"s"') + piece.count(b"'s'")


def _longest(pieces: Iterable[bytes]) -> int:
    """Return a size in bytes that no text exceeds, marks included. Refuses texts that are too many to be kept."""
    longest = open_so_far = count = size = 0
    literal = False
    for piece in pieces:
        if size and _ROOT.search(piece):
            raise damaged()
        size += len(piece)
        literal = literal or b"<![CDATA[" in piece
        parts = piece.split(_END) if _END in piece else _ANY_END.split(piece)
        lengths = [len(part) for part in parts]
        lengths[0] += open_so_far
        longest = max(longest, *lengths)
        open_so_far = lengths[-1]
        count += max(len(parts) - 1, piece.count(b"/>"))
        if count > limits.MAX_CELLS:
            raise too_many_cells()
    return size if literal else longest


def _lengths(pieces: Iterable[bytes]) -> list[int]:
    """Return the size of each text in bytes, marks included."""
    lengths: list[int] = []
    begins = 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal begins
        if markup.local(name) == "si":
            begins = reader.CurrentByteIndex

    def end(name: str) -> None:
        if markup.local(name) == "si":
            lengths.append(reader.CurrentByteIndex - begins)

    reader = markup.parser(start)
    reader.EndElementHandler = end
    markup.parse(reader, pieces)
    return lengths
