"""The first rows of a sheet, for the page where the member maps the columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from imports.formats.sheet_types import CellRow
from imports.layout import MAX_COLUMNS, PreviewRow
from imports.parsing import cells

#: Rows shown above the header, and from the header on.
ROWS_ABOVE = 3
ROWS_BELOW = 5
#: Enough of a cell to recognise its column.
MAX_TEXT_LENGTH = 60


def build_preview(rows: Iterable[CellRow], header_row: int | None) -> list[PreviewRow]:
    """Return the rows around the header, or the first ones without one."""
    first = max((header_row or 1) - ROWS_ABOVE, 1)
    last = (header_row or 0) + ROWS_BELOW
    return [
        PreviewRow(number, [_truncate(cells.cell_to_text(cell)) for cell in row[:MAX_COLUMNS]])
        for number, row in enumerate(islice(rows, first - 1, last), start=first)
    ]


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"
