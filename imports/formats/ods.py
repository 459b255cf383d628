"""Open an .ods or .fods: calamine reads its cells, its XML is parsed for what calamine does not show.

Those are formulas without a result, errors, merged cells, hidden rows and columns, and struck cells. One element may
stand for many rows or columns: their numbers are added up on the way, and a sheet that is too large is refused before
calamine reads it. Colours are read on demand.
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product

from core.xml_streaming import create_parser
from imports.formats import limits, loaded_workbook, workbook_parts
from imports.formats.exceptions import damaged, encrypted, too_many_cells, too_many_formulas, too_many_sheets
from imports.formats.loaded_workbook import LoadedWorkbook
from imports.formats.sheet_types import CellColour, CellColours, MergedRange, SheetMetadata
from imports.formats.workbook_parts import BLACK, WHITE, WorkbookArchive, parse_rgb, parse_xml

#: Member names in lower case, as they are looked up. Styles that have a name for users are in the second.
_CONTENT, _STYLES = "content.xml", "styles.xml"
_NO_COLOUR = CellColour("", "")
#: Repeated more often, coloured cells without a value are the margin of a sheet and no legend.
_MAX_BLANK_REPEATS = 16


def read_cell_colours(archive: WorkbookArchive, sheet: int) -> CellColours | None:
    """Return the coloured cells of a sheet, by its index; None where they are too many. Raises `UnreadableFile`."""
    scanner = _OdsColourScanner(sheet)
    if _STYLES in archive.members:
        scanner.scan(archive.read(_STYLES))
    scanner.scan(archive.read(_CONTENT))
    return None if scanner.is_full else scanner.found


class _CellStyle:
    """What a style says itself, None for nothing, and the name of the style that it extends."""

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self.fill: str | None = None
        self.font: str | None = None


class _OdsColourScanner:
    """Collects the styles of cells, then the cells of one sheet that have a colour."""

    def __init__(self, sheet: int) -> None:
        self.found: dict[tuple[int, int], CellColour] = {}
        self.is_full = False
        self._wanted, self._sheet = sheet, -1
        self._styles: dict[str, _CellStyle] = {}
        self._style: _CellStyle | None = None
        self._colours: dict[str, CellColour] = {}
        #: Styles of the columns of the sheet, in order, each with the number of columns.
        self._columns: list[tuple[int, str]] = []
        self._row = self._repeats = 0
        self._row_style = ""
        self._column = 0

    def scan(self, pieces: Iterable[bytes]) -> None:
        self._sheet = -1
        parser = create_parser(self._start)
        parser.EndElementHandler = self._end
        parse_xml(parser, pieces)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self._sheet += 1
            self._row = self._repeats = 0
            self._columns = []
        elif name == "style:style" and attributes.get("style:family") == "table-cell":
            self._style = _CellStyle(attributes.get("style:parent-style-name", ""))
            self._styles[attributes.get("style:name", "")] = self._style
        elif self._style is not None:
            self._read_style(self._style, name, attributes)
        elif self._sheet == self._wanted:
            self._read_sheet(name, attributes)

    def _end(self, name: str) -> None:
        if name == "style:style":
            self._style = None

    def _read_style(self, style: _CellStyle, name: str, attributes: dict[str, str]) -> None:
        if name == "style:table-cell-properties" and "fo:background-color" in attributes:
            style.fill = parse_rgb(attributes["fo:background-color"])
        elif name == "style:text-properties" and "fo:color" in attributes:
            style.font = parse_rgb(attributes["fo:color"])

    def _read_sheet(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table-column":
            repeats = _read_repeats(attributes, "table:number-columns-repeated")
            self._columns.append((repeats, attributes.get("table:default-cell-style-name", "")))
        elif name == "table:table-row":
            self._row += self._repeats
            self._repeats = _read_repeats(attributes, "table:number-rows-repeated")
            self._row_style, self._column = attributes.get("table:default-cell-style-name", ""), 0
        elif name in _CELLS:
            self._add_cells(attributes)

    def _add_cells(self, attributes: dict[str, str]) -> None:
        repeats = _read_repeats(attributes, "table:number-columns-repeated")
        first, self._column = self._column, self._column + repeats
        is_blank = "office:value-type" not in attributes
        if is_blank and (repeats > _MAX_BLANK_REPEATS or self._repeats > _MAX_BLANK_REPEATS):
            return
        own = attributes.get("table:style-name") or self._row_style
        for column in range(first, min(self._column, limits.MAX_COLUMNS)):
            colour = self._resolve(own or _find_column_style(self._columns, column))
            if colour == _NO_COLOUR:
                continue
            if len(self.found) + self._repeats > limits.MAX_COLOURED_CELLS:
                self.is_full = True
                return
            self.found.update(((self._row + row, column), colour) for row in range(1, self._repeats + 1))

    def _resolve(self, name: str) -> CellColour:
        """Return the colours of a style, its own or those of the styles that it extends."""
        if name not in self._colours:
            fill: str | None = None
            font: str | None = None
            seen: set[str] = set()
            parent = name
            while parent in self._styles and parent not in seen:
                seen.add(parent)
                style = self._styles[parent]
                fill = style.fill if fill is None else fill
                font = style.font if font is None else font
                parent = style.parent
            self._colours[name] = CellColour(
                "" if fill in (None, WHITE) else fill or "", "" if font in (None, BLACK) else font or ""
            )
        return self._colours[name]


def _find_column_style(columns: Sequence[tuple[int, str]], column: int) -> str:
    for repeats, style in columns:
        if column < repeats:
            return style
        column -= repeats
    return ""


def _read_repeats(attributes: dict[str, str], name: str) -> int:
    """Return a repeat count, 1 where absent. The file was refused already where it is no number."""
    return int(attributes.get(name, "1"))


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
        return found._replace(read_colours=partial(read_cell_colours, archive, at))

    return LoadedWorkbook(kind, loaded_workbook.read_sheets(content, metadata_of))


def pack(content: bytes) -> bytes:
    """Return an .ods of this content, and nothing else."""
    return workbook_parts.build_archive(
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


#: The root element of a flat document; it says which kind of document it is.
_ROOT = re.compile(rb"<office:document\s[^>]*>")
_KIND = b'office:mimetype="' + MIMETYPE + b'"'
_HEAD_BYTES = 16 * 1024


def is_flat_spreadsheet(content: bytes) -> bool:
    """Whether a file is an OpenDocument spreadsheet in one XML file."""
    root = _ROOT.search(content[:_HEAD_BYTES])
    return root is not None and _KIND in root[0]


def open_fods(content: bytes) -> LoadedWorkbook:
    """Open a .fods. Raises `UnreadableFile`."""
    packed = pack(content)
    return open_ods(packed, workbook_parts.WorkbookArchive(packed), "fods")
