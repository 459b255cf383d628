"""Open an .ods or .fods: calamine reads its cells, its XML is parsed for what calamine does not show.

Those are formulas without a result, errors, merged cells, hidden rows and columns, and struck cells. One element may
stand for many rows or columns: their numbers are added up on the way, and a sheet that is too large is refused before
calamine reads it. Colours are read on demand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from itertools import product

from core.xml_streaming import create_parser
from imports.formats import calamine_sheets, limits, ods_colours, zip_archive
from imports.formats.exceptions import damaged, encrypted, too_many_cells, too_many_formulas, too_many_sheets
from imports.formats.loaded_workbook import LoadedWorkbook
from imports.formats.sheet_types import MergedRange, SheetMetadata
from imports.formats.xml_parser import parse_xml
from imports.formats.zip_archive import WorkbookArchive

#: Member names in lower case, as they are looked up.
CONTENT, MANIFEST = "content.xml", "meta-inf/manifest.xml"
MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"
#: The member into which LibreOffice puts an encrypted document.
ENCRYPTED_PACKAGE = "encrypted-package"
_BARE_MANIFEST = b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
_ENCRYPTED = re.compile(rb"[:<]encryption-data[\s>/]")
#: Whitespace between cells, which some programs write and calamine rejects.
_INDENTED = re.compile(rb">\s++(</?table:)")
#: LibreOffice's cached copies of linked files, stored as sheets: « 'file:///C:/2025.ods'#$Feuille1 ».
_CACHED_LINK = re.compile(r"'[a-z]+:.*'#\$")
_CELLS = {"table:table-cell", "table:covered-table-cell"}
_HIDDEN = ("collapse", "filter")
_COLUMN_REPEATS = "table:number-columns-repeated"
_VALUES = ("office:value", "office:string-value", "office:date-value", "office:time-value", "office:boolean-value")


def is_spreadsheet(archive: WorkbookArchive) -> bool:
    """Whether the archive is a spreadsheet rather than a text document, a presentation or a drawing."""
    if CONTENT not in archive.members:
        return False
    return "mimetype" not in archive.members or next(archive.read("mimetype"), b"").startswith(MIMETYPE)


def open_ods(content: bytes, archive: WorkbookArchive, kind: str = "ods") -> LoadedWorkbook:
    """Open an .ods; `kind` names the format in which the file came. Raises `UnreadableFile`."""
    if ENCRYPTED_PACKAGE in archive.members:
        raise encrypted()
    if MANIFEST in archive.members and any(map(_ENCRYPTED.search, archive.read(MANIFEST))):
        raise encrypted()
    metadata = _OdsScanner().scan(archive.read(CONTENT))
    if any(map(_INDENTED.search, archive.read(CONTENT))):
        text = _INDENTED.sub(rb">\1", b"".join(archive.read(CONTENT)))
        content = pack(text)

    def metadata_of(at: int, name: str) -> SheetMetadata | None:
        if _CACHED_LINK.match(name):
            return None
        found = metadata[at] if at < len(metadata) else SheetMetadata()
        return found._replace(read_colours=partial(ods_colours.read_cell_colours, archive, at))

    return LoadedWorkbook(kind, calamine_sheets.read_sheets(content, metadata_of))


def pack(content: bytes) -> bytes:
    """Return an .ods of this content, and nothing else."""
    return zip_archive.build_archive(
        {"mimetype": MIMETYPE, "META-INF/manifest.xml": _BARE_MANIFEST, "content.xml": content}
    )


class _RepeatedRow:
    """One row element, which may stand for many rows."""

    def __init__(self, repeats: int) -> None:
        self.repeats = repeats
        #: Columns so far, and up to the last filled one.
        self.columns = self.width = 0
        #: Columns of formulas without a result, of errors, and of struck cells.
        self.uncomputed: list[int] = []
        self.errors: list[int] = []
        self.struck: list[int] = []
        self.is_hidden = False


class _OdsScanner:
    """Adds up the rows and columns of each sheet while the document is parsed."""

    def __init__(self) -> None:
        self._parser = create_parser(self._start)
        self._parser.EndElementHandler = self._end
        self._rows = self._height = self._width = self._cells = self._formulas = 0
        self._row: _RepeatedRow | None = None
        self._merged: list[list[MergedRange]] = []
        self._uncomputed: list[set[tuple[int, int]]] = []
        self._errors: list[set[tuple[int, int]]] = []
        self._hidden_rows: list[set[int]] = []
        self._struck: list[set[tuple[int, int]]] = []
        self._hidden_columns: list[set[int]] = []
        #: Columns of the sheet so far, by their own elements.
        self._columns = 0
        #: The style that is being defined, and those that strike their text through.
        self._style = ""
        self._struck_styles: set[str] = set()

    def scan(self, pieces: Iterable[bytes]) -> list[SheetMetadata]:
        parse_xml(self._parser, pieces)
        return [
            SheetMetadata(
                merged,
                frozenset(self._uncomputed[at]),
                frozenset(self._errors[at]),
                frozenset(self._hidden_rows[at]),
                frozenset(self._struck[at]),
                frozenset(self._hidden_columns[at]),
            )
            for at, merged in enumerate(self._merged)
        ]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _CELLS:
            # A cell outside of any sheet belongs to the history of changes.
            if self._row is not None and self._merged:
                self._add_cell(self._row, attributes)
        elif name == "table:table-row":
            self._row = _RepeatedRow(_parse_count(attributes, "table:number-rows-repeated"))
            self._row.is_hidden = attributes.get("table:visibility") in _HIDDEN
        elif name == "table:table":
            self._rows = self._height = self._width = self._columns = 0
            self._merged.append([])
            self._uncomputed.append(set())
            self._errors.append(set())
            self._hidden_rows.append(set())
            self._struck.append(set())
            self._hidden_columns.append(set())
            if len(self._merged) > limits.MAX_SHEETS:
                raise too_many_sheets(len(self._merged), limits.MAX_SHEETS)
        elif name == "table:table-column" and self._hidden_columns:
            first, self._columns = self._columns, self._columns + _parse_count(attributes, _COLUMN_REPEATS)
            if attributes.get("table:visibility") in _HIDDEN:
                self._hidden_columns[-1].update(range(first, min(self._columns, limits.MAX_COLUMNS)))
        elif name == "style:style":
            self._style = attributes.get("style:name", "")
        elif name == "style:text-properties" and attributes.get("style:text-line-through-style", "none") != "none":
            self._struck_styles.add(self._style)

    def _add_cell(self, row: _RepeatedRow, attributes: dict[str, str]) -> None:
        repeats = _parse_count(attributes, _COLUMN_REPEATS)
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
        if attributes.get("table:style-name") in self._struck_styles:
            row.struck.extend(range(left, min(row.columns, limits.MAX_COLUMNS)))
        is_error = attributes.get("calcext:value-type") == "error"
        if (formula and kind is None) or is_error:
            self._formulas += repeats * row.repeats
            if self._formulas > limits.MAX_UNRESOLVED_FORMULAS:
                raise too_many_formulas()
            (row.errors if is_error else row.uncomputed).extend(range(left, left + repeats))

    def _end(self, name: str) -> None:
        if name == "table:table-row" and self._row is not None:
            row, self._row = self._row, None
            self._rows += row.repeats
            if row.width:
                self._height, self._width = self._rows, max(self._width, row.width)
                self._check_extent()
            if row.width and row.is_hidden:
                self._hidden_rows[-1].update(range(self._rows - row.repeats + 1, self._rows + 1))
            if row.uncomputed or row.errors or row.struck:
                lines = range(self._rows - row.repeats + 1, self._rows + 1)
                self._struck[-1].update(product(lines, row.struck))
                self._uncomputed[-1].update(product(lines, row.uncomputed))
                self._errors[-1].update(product(lines, row.errors))
        elif name == "table:table":
            self._cells += self._height * self._width
            self._height = self._width = 0

    def _check_extent(self) -> None:
        if self._cells + self._height * self._width > limits.MAX_CELLS_ODS:
            raise too_many_cells()


def _parse_count(attributes: dict[str, str], name: str) -> int:
    """Return a repeat count, 1 where absent. Raises `UnreadableFile` where it is no number or impossibly large."""
    text = attributes.get(name)
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - no sheet has so many
        raise damaged()
    return int(text)
