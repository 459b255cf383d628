"""How large one sheet of an .xlsx is, and which of its formulas have no result, from its XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imports.readers import limits, markup
from imports.readers.refusals import damaged, too_many_cells, too_many_formulas
from imports.readers.sheets import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: A cell of the columns A to Z and of the first 99,999 rows, as nearly every program writes it, and no error: what
#: begins like a cell and is none of these is looked at more closely.
_OTHER_THAN_SMALL = re.compile(
    rb'<c(?! r="[A-Z][0-9]{1,5}+"(?>>| t="inlineStr">| t="[a-df-z]">'
    rb'|(?: s="[0-9]++")?+(?: t="(?:[a-df-z]|[A-Za-z]{2,}+)")?+/?>))'
)
_SMALL_HEIGHT, _SMALL_WIDTH = 99_999, 26
_CELL = re.compile(rb"<c[\s/>]")
_PREFIXED = re.compile(rb":c[\s/>]")
_PLACED = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: (?:s|t|cm|vm|ph)="[A-Za-z0-9]*+")*+/?>')
_WITHOUT_RESULT = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"((?: [a-z]{1,2}="[A-Za-z0-9]*+")*+)>\s*+'
    rb"<f(?:\s[^>]*+)?+(?<!/)>[^<]*+</f>\s*+(?!<v(?:\s[^>]*+)?+(?<!/)>[^<])"
    rb'|<c r="([A-Z]{1,3})([0-9]{1,7})"((?: [a-z]{1,2}="[A-Za-z0-9]*+")*+)>\s*+'
    rb"<f(?:\s[^>]*+)?+(?<=/)>\s*+(?!<v(?:\s[^>]*+)?+(?<!/)>[^<])"
)
#: Of a formula that gave an empty text: its value is empty as well, but it was computed.
_GAVE_TEXT = b't="str"'
_WRONG = b't="e"'
_IN_ERROR = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: (?!t)[a-z]{1,2}="[A-Za-z0-9]*+")*+ t="e"')
_CLOSED = re.compile(rb"</c>|</row>|</sheetData>")
#: A filled cell takes so many bytes at least.
_LEAST_CELL = 16
_PLACE = re.compile(r"([A-Za-z]{1,7})([0-9]{1,10})")
_MERGED = b"mergeCell "
#: What is rare elsewhere is found soonest.
_PART_OF_MERGED = b"geCe"


class Bounds(NamedTuple):
    """How many rows and columns there are at most, and what was seen on the way."""

    height: int
    width: int
    seen: Seen


def apart(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give the same bytes, parted before a cell begins (where there are no cells, after a mark ends)."""
    tail = b""
    for piece in pieces:
        text = tail + piece if tail else piece
        cut = text.rfind(b"<c ")
        if cut < 0 or (cut == 0 and _CLOSED.search(text)):
            cut = text.rfind(b">") + 1
        if cut:
            yield text[:cut]
        tail = text[cut:]
        if len(tail) > limits.MAX_MARK:
            raise damaged()
    if tail:
        yield tail


def bounds_of(pieces: Callable[[], Iterable[bytes]], size: int) -> Bounds:
    """Return the bounds of the sheet whose XML `pieces` gives, anew each time; `size` in bytes.

    Raises `Unreadable` where the sheet would not fit into memory.
    """
    found = _quickly(apart(pieces()), count=size > _LEAST_CELL * limits.MAX_CELLS)
    if found is None or found.height * found.width > limits.MAX_CELLS:
        # Written unusually, or cells that are only formatted reach down to the last row, as in many a real sheet.
        found = _Exactly().go(pieces())
    if found.height * found.width > limits.MAX_CELLS:
        raise too_many_cells()
    return found


def _quickly(pieces: Iterable[bytes], *, count: bool) -> Bounds | None:
    """Return the bounds, by searching for what would be out of the ordinary; None where something is.

    `count`: the sheet is large enough to say of the same place, over and over, what stands there.
    """
    height = width = cells = merged = 0
    uncomputed, errors = set[tuple[int, int]](), set[tuple[int, int]]()
    for text in pieces:
        if b"<f" in text:
            _note(uncomputed, _formulas_without_result(text))
        if _OTHER_THAN_SMALL.search(text) is None:
            rows, columns = _SMALL_HEIGHT, _SMALL_WIDTH
        else:
            placed = _PLACED.findall(text)
            if len(placed) != len(_CELL.findall(text)):
                return None
            columns = max((column(letters) for letters in {letters for letters, _ in placed}), default=0)
            rows = max((int(row) for _, row in placed), default=0)
            if _WRONG in text:
                _note(errors, _IN_ERROR.findall(text))
        cells += text.count(b"<c ") if count else 0
        merged += text.count(_MERGED) if _PART_OF_MERGED in text else 0
        if cells > limits.MAX_CELLS or merged > limits.MAX_MERGED:
            raise too_many_cells()
        if b":c" in text and _PREFIXED.search(text):
            return None
        height, width = max(height, rows), max(width, columns)
    return Bounds(height, width, Seen(None, frozenset(uncomputed), frozenset(errors)))


def _formulas_without_result(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    for letters, row, rest, letters_, row_, rest_ in _WITHOUT_RESULT.findall(text):
        if _GAVE_TEXT not in (rest or rest_):
            yield letters or letters_, row or row_


def _note(places: set[tuple[int, int]], found: Iterable[tuple[bytes, bytes]]) -> None:
    places.update((int(row), column(letters) - 1) for letters, row in found)
    if len(places) > limits.MAX_NOTED:
        raise too_many_formulas()


def column(letters: bytes) -> int:
    """Return a column's number from 1: 27 for « AA »."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


class _Exactly:
    """Goes through a sheet cell by cell, and places each as its reader will."""

    def __init__(self) -> None:
        self._reader = markup.parser(self._start)
        self._reader.EndElementHandler = self._end
        self._reader.CharacterDataHandler = self._text
        #: Where the next cell is that does not say where it is, from 0.
        self._row = self._column = 0
        self._height = self._width = self._cells = self._merged = 0
        self._inside = self._filled = self._formula = self._value = self._awaits = False
        self._uncomputed, self._errors = set[tuple[int, int]](), set[tuple[int, int]]()

    def go(self, pieces: Iterable[bytes]) -> Bounds:
        markup.parse(self._reader, pieces)
        seen = Seen(None, frozenset(self._uncomputed), frozenset(self._errors))
        return Bounds(self._height, self._width, seen)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = markup.local(name)
        if kind == "c":
            self._cell(attributes)
        elif kind == "row":
            number = attributes.get("r")
            if number is not None:
                if not (number.isascii() and number.isdigit() and len(number) <= 10):  # noqa: PLR2004
                    raise damaged()
                self._row = int(number) - 1
        elif kind == "mergeCell":
            self._merged += 1
            if self._merged > limits.MAX_MERGED:
                raise too_many_cells()
        elif self._inside:
            self._filled = self._filled or kind in ("v", "is")
            self._formula = self._formula or kind == "f"
            self._awaits = kind == "v"

    def _cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        match = _PLACE.fullmatch(place) if place is not None else None
        if self._inside or (place is not None and match is None):
            raise damaged()
        if match is not None:
            self._row, self._column = int(match[2]) - 1, column(match[1].encode()) - 1
        self._inside, self._filled, self._formula = True, False, False
        self._value = attributes.get("t") == "str"
        if attributes.get("t") == "e":
            self._errors.add((self._row + 1, self._column))

    def _text(self, _: str) -> None:
        self._value = self._value or self._awaits

    def _end(self, name: str) -> None:
        kind = markup.local(name)
        if kind == "c":
            self._inside = self._awaits = False
            if self._filled:
                self._height, self._width = max(self._height, self._row + 1), max(self._width, self._column + 1)
                self._cells += 1
                if self._cells > limits.MAX_CELLS:
                    raise too_many_cells()
            if self._formula and not self._value:
                self._uncomputed.add((self._row + 1, self._column))
            if max(len(self._uncomputed), len(self._errors)) > limits.MAX_NOTED:
                raise too_many_formulas()
            self._column += 1
        elif kind == "row":
            self._row, self._column = self._row + 1, 0
        elif kind == "v":
            self._awaits = False
