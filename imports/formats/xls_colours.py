"""The colours of an .xls: a cell's style names entries of the workbook's palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.formats import limits
from imports.formats.sheet_types import CellColour, CellColours
from imports.formats.workbook_palette import BLACK, WHITE

if TYPE_CHECKING:
    import xlrd
    from xlrd.formatting import XFBackground


_SOLID = 1
_NO_COLOUR = CellColour("", "")


def read_cell_colours(book: xlrd.Book, sheet: xlrd.sheet.Sheet) -> CellColours | None:
    """Return the coloured cells of a sheet, None where they are too many."""
    styles = {}
    for number, style in enumerate(book.xf_list):
        fill = "" if style.background is None else _find_fill(book, style.background)
        has_font = style.font_index < len(book.font_list)
        font = _find(book, book.font_list[style.font_index].colour_index) if has_font else ""
        colour = CellColour("" if fill == WHITE else fill, "" if font == BLACK else font)
        if colour != _NO_COLOUR:
            styles[number] = colour
    found: dict[tuple[int, int], CellColour] = {}
    for row in range(sheet.nrows if styles else 0):
        for column in range(sheet.row_len(row)):
            colour = styles.get(sheet.cell_xf_index(row, column), _NO_COLOUR)
            if colour != _NO_COLOUR:
                found[row + 1, column] = colour
        if len(found) > limits.MAX_COLOURED_CELLS:
            return None
    return found


def _find_fill(book: xlrd.Book, background: XFBackground) -> str:
    return _find(book, background.pattern_colour_index) if background.fill_pattern == _SOLID else ""


def _find(book: xlrd.Book, index: int) -> str:
    """Return a colour of the palette, "" for one that is left to the system."""
    colour = book.colour_map.get(index)
    return "" if colour is None else bytes(colour).hex().upper()
