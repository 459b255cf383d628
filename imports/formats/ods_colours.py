"""The colours of an .ods: a cell names a style, or has that of its row or column; a style has those of its parent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.xml_streaming import create_parser
from imports.formats import limits
from imports.formats.sheet_types import CellColour, CellColours
from imports.formats.workbook_palette import BLACK, WHITE, parse_rgb
from imports.formats.xml_parser import parse_xml
from imports.formats.zip_archive import WorkbookArchive

#: Member names in lower case, as they are looked up. Styles that have a name for users are in the second.
_CONTENT, _STYLES = "content.xml", "styles.xml"
_CELLS = {"table:table-cell", "table:covered-table-cell"}
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
