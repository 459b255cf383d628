"""Measure one sheet of an .xlsx from its XML, and find its formulas without a result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imports.formats import limits, xml_parser
from imports.formats.exceptions import damaged, too_many_cells, too_many_formulas
from imports.formats.sheet_types import SheetMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Any cell except an error-free one in columns A to Z and rows 1 to 99,999, as nearly every program writes it:
#: only the others need the slower regular expressions.
_UNUSUAL_CELL = re.compile(
    rb'<c(?! r="[A-Z][0-9]{1,5}+"(?>>| t="inlineStr">| t="[a-df-z]">'
    rb'|(?: s="[0-9]++")?+(?: t="(?:[a-df-z]|[A-Za-z]{2,}+)")?+/?>))'
)
_USUAL_HEIGHT, _USUAL_WIDTH = 99_999, 26
_CELL = re.compile(rb"<c[\s/>]")
_PREFIXED = re.compile(rb":c[\s/>]")
_CELL_WITH_REFERENCE = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: (?:s|t|cm|vm|ph)="[A-Za-z0-9]*+")*+/?>')
_WITHOUT_RESULT = re.compile(
    rb'<c r="([A-Z]{1,3})([0-9]{1,7})"((?: [a-z]{1,2}="[A-Za-z0-9]*+")*+)>\s*+'
    rb"<f(?:\s[^>]*+)?+(?<!/)>[^<]*+</f>\s*+(?!<v(?:\s[^>]*+)?+(?<!/)>[^<])"
    rb'|<c r="([A-Z]{1,3})([0-9]{1,7})"((?: [a-z]{1,2}="[A-Za-z0-9]*+")*+)>\s*+'
    rb"<f(?:\s[^>]*+)?+(?<=/)>\s*+(?!<v(?:\s[^>]*+)?+(?<!/)>[^<])"
)
#: The type of a formula whose result is a text: when that is empty, the formula was computed all the same.
_STRING_RESULT = b't="str"'
_ERROR_TYPE = b't="e"'
_ERROR_CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: (?!t)[a-z]{1,2}="[A-Za-z0-9]*+")*+ t="e"')
_CLOSING_TAG = re.compile(rb"</c>|</row>|</sheetData>")
#: The fewest bytes a filled cell takes.
_MIN_CELL_BYTES = 16
_REFERENCE = re.compile(r"([A-Za-z]{1,7})([0-9]{1,10})")
_MERGED_CELL = b"mergeCell "
#: A part that is rare in other tags makes the search faster.
_MERGED_CELL_PART = b"geCe"


class SheetBounds(NamedTuple):
    """The largest possible number of rows and columns, and the sheet's metadata."""

    height: int
    width: int
    metadata: SheetMetadata


def split_at_cells(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, split before the start of a cell (where there are no cells, after a tag)."""
    tail = b""
    for piece in pieces:
        text = tail + piece if tail else piece
        cut = text.rfind(b"<c ")
        if cut < 0 or (cut == 0 and _CLOSING_TAG.search(text)):
            cut = text.rfind(b">") + 1
        if cut:
            yield text[:cut]
        tail = text[cut:]
        if len(tail) > limits.MAX_XML_TOKEN:
            raise damaged()
    if tail:
        yield tail


def measure_sheet(pieces: Callable[[], Iterable[bytes]], size: int) -> SheetBounds:
    """Return the bounds of a sheet. `pieces` returns its XML from the start each time; `size` in bytes.

    Raises `UnreadableFile` when the sheet would not fit into memory.
    """
    bounds = _measure_quickly(split_at_cells(pieces()), count=size > _MIN_CELL_BYTES * limits.MAX_CELLS)
    if bounds is None or bounds.height * bounds.width > limits.MAX_CELLS:
        # Unusual XML, or cells that are merely formatted down to the last row, as in many real sheets.
        bounds = _ExactMeasurement().measure(pieces())
    if bounds.height * bounds.width > limits.MAX_CELLS:
        raise too_many_cells()
    return bounds


def _measure_quickly(pieces: Iterable[bytes], *, count: bool) -> SheetBounds | None:
    """Return the bounds by searching for unusual cells; None where the XML needs exact parsing.

    `count`: whether to count cells: the sheet is large enough to define the same cell again and again.
    """
    height = width = cells = merged = 0
    uncomputed, errors = set[tuple[int, int]](), set[tuple[int, int]]()
    for text in pieces:
        if b"<f" in text:
            _record_positions(uncomputed, _formulas_without_result(text))
        if _UNUSUAL_CELL.search(text) is None:
            rows, columns = _USUAL_HEIGHT, _USUAL_WIDTH
        else:
            references = _CELL_WITH_REFERENCE.findall(text)
            if len(references) != len(_CELL.findall(text)):
                return None
            columns = max((column_number(letters) for letters in {letters for letters, _ in references}), default=0)
            rows = max((int(row) for _, row in references), default=0)
            if _ERROR_TYPE in text:
                _record_positions(errors, _ERROR_CELL.findall(text))
        cells += text.count(b"<c ") if count else 0
        merged += text.count(_MERGED_CELL) if _MERGED_CELL_PART in text else 0
        if cells > limits.MAX_CELLS or merged > limits.MAX_MERGED_CELLS:
            raise too_many_cells()
        if b":c" in text and _PREFIXED.search(text):
            return None
        height, width = max(height, rows), max(width, columns)
    return SheetBounds(height, width, SheetMetadata(None, frozenset(uncomputed), frozenset(errors)))


def _formulas_without_result(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    for letters, row, rest, letters_, row_, rest_ in _WITHOUT_RESULT.findall(text):
        if _STRING_RESULT not in (rest or rest_):
            yield letters or letters_, row or row_


def _record_positions(positions: set[tuple[int, int]], references: Iterable[tuple[bytes, bytes]]) -> None:
    positions.update((int(row), column_number(letters) - 1) for letters, row in references)
    if len(positions) > limits.MAX_UNRESOLVED_FORMULAS:
        raise too_many_formulas()


def column_number(letters: bytes) -> int:
    """Return the number of a column, from 1: 27 for « AA »."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


class _ExactMeasurement:
    """Parses a sheet cell by cell, and positions each cell as calamine will."""

    def __init__(self) -> None:
        self._reader = xml_parser.create_parser(self._start)
        self._reader.EndElementHandler = self._end
        self._reader.CharacterDataHandler = self._text
        #: Position of the next cell without a reference, from 0.
        self._row = self._column = 0
        self._height = self._width = self._cells = self._merged = 0
        self._in_cell = self._filled = self._has_formula = self._has_value = self._in_value = False
        self._uncomputed, self._errors = set[tuple[int, int]](), set[tuple[int, int]]()

    def measure(self, pieces: Iterable[bytes]) -> SheetBounds:
        xml_parser.parse(self._reader, pieces)
        metadata = SheetMetadata(None, frozenset(self._uncomputed), frozenset(self._errors))
        return SheetBounds(self._height, self._width, metadata)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = xml_parser.local_name(name)
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
            if self._merged > limits.MAX_MERGED_CELLS:
                raise too_many_cells()
        elif self._in_cell:
            self._filled = self._filled or kind in ("v", "is")
            self._has_formula = self._has_formula or kind == "f"
            self._in_value = kind == "v"

    def _cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        match = _REFERENCE.fullmatch(reference) if reference is not None else None
        if self._in_cell or (reference is not None and match is None):
            raise damaged()
        if match is not None:
            self._row, self._column = int(match[2]) - 1, column_number(match[1].encode()) - 1
        self._in_cell, self._filled, self._has_formula = True, False, False
        self._has_value = attributes.get("t") == "str"
        if attributes.get("t") == "e":
            self._errors.add((self._row + 1, self._column))

    def _text(self, _: str) -> None:
        self._has_value = self._has_value or self._in_value

    def _end(self, name: str) -> None:
        kind = xml_parser.local_name(name)
        if kind == "c":
            self._in_cell = self._in_value = False
            if self._filled:
                self._height, self._width = max(self._height, self._row + 1), max(self._width, self._column + 1)
                self._cells += 1
                if self._cells > limits.MAX_CELLS:
                    raise too_many_cells()
            if self._has_formula and not self._has_value:
                self._uncomputed.add((self._row + 1, self._column))
            if max(len(self._uncomputed), len(self._errors)) > limits.MAX_UNRESOLVED_FORMULAS:
                raise too_many_formulas()
            self._column += 1
        elif kind == "row":
            self._row, self._column = self._row + 1, 0
        elif kind == "v":
            self._in_value = False
