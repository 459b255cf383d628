"""The colours of an .xlsx: cells name a style, which names a fill and a font. Conditional formats are not evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable

from openpyxl.utils import column_index_from_string

from core.xml_streaming import create_parser, local_name
from imports.formats import limits
from imports.formats.exceptions import damaged
from imports.formats.sheet_types import CellColour, CellColours
from imports.formats.workbook_palette import BLACK, THEME, WHITE, WorkbookPalette, parse_rgb, read_theme
from imports.formats.xlsx_styles import STYLES
from imports.formats.xml_parser import parse_xml
from imports.formats.zip_archive import WorkbookArchive
from imports.meanings import MARK_COLOURS

_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_NO_COLOUR = CellColour("", "")


def read_cell_colours(archive: WorkbookArchive, member: str) -> CellColours | None:
    """Return the coloured cells of a worksheet, None where they are too many. Raises `UnreadableFile`."""
    if STYLES not in archive.members:
        return {}
    theme = read_theme(archive.read(THEME)) if THEME in archive.members else []
    styles = _ColourStyleScanner().scan(archive.read(STYLES), theme)
    return _scan_cells(archive.read(member), styles) if styles else {}


class _ColourStyleScanner:
    """Collects the fills and fonts, then the cell styles that use them."""

    def __init__(self) -> None:
        self._parser = create_parser(self._start)
        self._parser.EndElementHandler = self._end
        #: « fonts », « fills » or « cellXfs »; other parts hold those of conditional formats.
        self._part = ""
        self._is_solid = False
        #: Attributes of the colour of each font and of each solid fill.
        self._fonts: list[dict[str, str]] = []
        self._fills: list[dict[str, str]] = []
        self._indexed: list[str] = []
        self._styles: list[dict[str, str]] = []

    def scan(self, pieces: Iterable[bytes], theme: list[str]) -> dict[str, CellColour]:
        """Return the colours of the cell styles that have any, by their number as cells name it."""
        parse_xml(self._parser, pieces)
        palette = WorkbookPalette(theme, self._indexed or None)
        fonts = [_drop(palette.resolve(attributes), BLACK) for attributes in self._fonts]
        fills = [_drop(palette.resolve(attributes), WHITE) for attributes in self._fills]
        colours = [
            CellColour(_pick_part(fills, style.get("fillId", "")), _pick_part(fonts, style.get("fontId", "")))
            for style in self._styles
        ]
        return {str(number): colour for number, colour in enumerate(colours) if colour != _NO_COLOUR}

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = local_name(name)
        if element in ("fonts", "fills", "cellXfs", "indexedColors"):
            self._part = element
        elif self._part == "fonts":
            if element == "font":
                self._fonts.append({})
            elif element == "color" and self._fonts:
                self._fonts[-1] = attributes
        elif self._part == "fills":
            self._read_fill(element, attributes)
        elif (self._part, element) == ("cellXfs", "xf"):
            self._styles.append(attributes)
        elif (self._part, element) == ("indexedColors", "rgbColor"):
            self._indexed.append(parse_rgb(attributes.get("rgb", "")))

    def _read_fill(self, element: str, attributes: dict[str, str]) -> None:
        if element == "fill":
            self._fills.append({})
        elif element == "patternFill":
            self._is_solid = attributes.get("patternType") == "solid"
        elif element == "fgColor" and self._is_solid and self._fills:
            self._fills[-1] = attributes
        elif element == "bgColor" and self._fills and self._fills[-1].get("rgb") in MARK_COLOURS:
            # Our own mark of a problem, which keeps the colour that the cell had.
            self._fills[-1] = attributes

    def _end(self, name: str) -> None:
        if local_name(name) == self._part:
            self._part = ""


def _scan_cells(pieces: Iterable[bytes], styles: dict[str, CellColour]) -> CellColours | None:
    found: dict[tuple[int, int], CellColour] = {}
    row, column, is_full = 0, -1, False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, is_full
        name = local_name(element)
        if name == "row":
            number = attributes.get("r", "")
            row, column = int(number) if number.isdecimal() and len(number) <= 7 else row + 1, -1  # noqa: PLR2004
        elif name == "c":
            reference = attributes.get("r")
            if reference is None:
                column += 1
            else:
                match = _REFERENCE.fullmatch(reference)
                if match is None:
                    raise damaged()
                row, column = int(match[2]), column_index_from_string(match[1]) - 1
            colour = styles.get(attributes.get("s", "0"))
            if colour is not None:
                is_full = is_full or len(found) >= limits.MAX_COLOURED_CELLS
                if not is_full:
                    found[row, column] = colour

    parse_xml(create_parser(start), pieces)
    return None if is_full else found


def _drop(colour: str, usual: str) -> str:
    return "" if colour == usual else colour


def _pick_part(colours: list[str], index: str) -> str:
    return colours[int(index)] if index.isdecimal() and len(index) <= 6 and int(index) < len(colours) else ""  # noqa: PLR2004
