"""Measure an .ods before calamine reads it.

One element may stand for millions of cells (`number-columns-repeated`) or a million rows. LibreOffice writes such
elements at the end of nearly every sheet, where they are harmless; a bomb has them before the last filled cell. Expat
streams the document once, and the counts are added up.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from imports.formats import limits, xml_parser, zip_archive
from imports.formats.exceptions import damaged, encrypted, too_many_cells, too_many_formulas, too_many_sheets
from imports.formats.sheet_types import MergedRange, SheetMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zipfile import ZipInfo

#: Member names in lower case, as they are looked up.
CONTENT, MANIFEST = "content.xml", "meta-inf/manifest.xml"
MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"
#: The member into which LibreOffice puts an encrypted document.
ENCRYPTED_PACKAGE = "encrypted-package"
_BARE_MANIFEST = b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
_ENCRYPTED = re.compile(rb"[:<]encryption-data[\s>/]")
#: Whitespace between cells, which some programs write and calamine rejects.
_INDENTED = re.compile(rb">\s++(</?table:)")
_CELLS = {"table:table-cell", "table:covered-table-cell"}
_VALUES = ("office:value", "office:string-value", "office:date-value", "office:time-value", "office:boolean-value")
#: Elements of the document: a real one of 300 MB has fewer.
MAX_ELEMENTS = 20_000_000


def is_spreadsheet(content: bytes, members: Mapping[str, ZipInfo]) -> bool:
    """Whether the archive is a spreadsheet rather than a text document, a presentation or a drawing."""
    if "mimetype" not in members:
        return True
    return next(zip_archive.inflate(content, members["mimetype"]), b"").startswith(MIMETYPE)


def sanitize(content: bytes, members: Mapping[str, ZipInfo]) -> tuple[bytes, list[SheetMetadata]]:
    """Return an archive of the sheets only, and the metadata of each in order. Raises `UnreadableFile`."""
    if ENCRYPTED_PACKAGE in members:
        raise encrypted()
    if MANIFEST in members and any(map(_ENCRYPTED.search, zip_archive.inflate(content, members[MANIFEST]))):
        raise encrypted()
    sheets = _SheetCounter().parse(zip_archive.inflate(content, members[CONTENT]))
    bare = {"mimetype": MIMETYPE, "META-INF/manifest.xml": _BARE_MANIFEST}
    if any(map(_INDENTED.search, zip_archive.inflate(content, members[CONTENT]))):
        text = b"".join(zip_archive.inflate(content, members[CONTENT]))
        return zip_archive.repack(content, [], {**bare, "content.xml": _INDENTED.sub(rb">\1", text)}), sheets
    return zip_archive.repack(content, [members[CONTENT]], bare), sheets


class _RepeatedRow:
    """One row element, which may stand for many rows."""

    def __init__(self, repeats: int, start_offset: int) -> None:
        self.repeats = repeats
        self.start_offset = start_offset
        #: Columns so far, and up to the last filled one.
        self.columns = self.width = 0
        self.max_repeats = 0
        self.spaces = 0
        #: Columns of formulas without a result, and of errors.
        self.uncomputed: list[int] = []
        self.errors: list[int] = []


class _SheetCounter:
    """Adds up the rows, columns and texts of each sheet while the document is parsed."""

    def __init__(self) -> None:
        self._parser = xml_parser.create_parser(self._start)
        self._parser.EndElementHandler = self._end
        self._sheets = self._depth = self._elements = self._cells = self._text = 0
        self._rows = self._height = self._width = self._formula_count = 0
        self._row: _RepeatedRow | None = None
        self._merged: list[list[MergedRange]] = []
        self._uncomputed: list[set[tuple[int, int]]] = []
        self._errors: list[set[tuple[int, int]]] = []

    def parse(self, pieces: Iterable[bytes]) -> list[SheetMetadata]:
        xml_parser.parse(self._parser, pieces)
        per_sheet = zip(self._merged, self._uncomputed, self._errors, strict=True)
        return [
            SheetMetadata(merged, frozenset(uncomputed), frozenset(errors)) for merged, uncomputed, errors in per_sheet
        ]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise too_many_cells()
        if name in _CELLS:
            self._enter(name)
            self._cell(attributes)
        elif name == "table:table-row":
            self._enter(name)
            repeats = _parse_count(attributes, "table:number-rows-repeated")
            self._row = _RepeatedRow(repeats, self._parser.CurrentByteIndex)
        elif name == "text:s" and self._row is not None:
            self._row.spaces += _parse_count(attributes, "text:c")
            if self._row.spaces > limits.MAX_TEXT_BYTES:
                raise too_many_cells()
        elif name == "table:table":
            self._enter(name)
            self._sheets += 1
            if self._sheets > limits.MAX_SHEETS:
                raise too_many_sheets(self._sheets, limits.MAX_SHEETS)
            self._rows = self._height = self._width = 0
            self._merged.append([])
            self._uncomputed.append(set())
            self._errors.append(set())

    def _enter(self, name: str) -> None:
        """Enter a sheet, a row or a cell. Raises `UnreadableFile` for nested ones, which are ambiguous."""
        inside = {"table:table": 0, "table:table-row": 1}.get(name, 2)
        if self._depth > inside:
            raise damaged()
        # A row or cell outside of any sheet is ignored.
        self._depth += self._depth == inside

    def _cell(self, attributes: dict[str, str]) -> None:
        row = self._row
        if row is None or not self._merged:
            return
        repeats = _parse_count(attributes, "table:number-columns-repeated")
        left = row.columns
        row.columns += repeats
        spanned = attributes.get("table:number-columns-spanned"), attributes.get("table:number-rows-spanned")
        if spanned != (None, None):
            right = left + _parse_count(attributes, "table:number-columns-spanned") - 1
            bottom = self._rows + _parse_count(attributes, "table:number-rows-spanned")
            self._merged[-1].append(MergedRange(self._rows + 1, left, bottom, right))
        kind = attributes.get("office:value-type")
        formula = "table:formula" in attributes
        if not (formula or kind == "string" or any(value in attributes for value in _VALUES)):
            return
        row.width = row.columns
        row.max_repeats = max(row.max_repeats, repeats)
        is_error = attributes.get("calcext:value-type") == "error"
        if (formula and kind is None) or is_error:
            self._formula_count += repeats * row.repeats
            if self._formula_count > limits.MAX_UNRESOLVED_FORMULAS:
                raise too_many_formulas()
            (row.errors if is_error else row.uncomputed).extend(range(left, left + repeats))

    def _end(self, name: str) -> None:
        row = self._row
        if name in _CELLS:
            self._depth -= self._depth == 3  # noqa: PLR2004 - a sheet, a row, a cell
        elif name == "table:table":
            self._depth = 0
            self._cells += self._height * self._width
            if self._cells > limits.MAX_CELLS_ODS:
                raise too_many_cells()
        elif name == "table:table-row" and row is not None:
            self._depth = min(self._depth, 1)
            self._rows += row.repeats
            self._row = None
            if row.width:
                self._height, self._width = self._rows, max(self._width, row.width)
                weight = self._parser.CurrentByteIndex - row.start_offset + row.spaces
                self._text += weight * row.repeats * row.max_repeats
                if self._text > 2 * limits.MAX_TEXT_BYTES or self._height * self._width > limits.MAX_CELLS_ODS:
                    raise too_many_cells()
                if row.uncomputed or row.errors:
                    lines = range(self._rows - row.repeats + 1, self._rows + 1)
                    self._uncomputed[-1].update(product(lines, row.uncomputed))
                    self._errors[-1].update(product(lines, row.errors))


def _parse_count(attributes: dict[str, str], name: str) -> int:
    """Return a repeat count, 1 where absent. Raises `UnreadableFile` where it is no number or impossibly large."""
    text = attributes.get(name)
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - no sheet has so many
        raise damaged()
    return int(text)
