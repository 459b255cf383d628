"""Recognise a table that lies on its side, one school a column. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning
from imports.parsing.cell_classification import CellType, classify_cell
from imports.parsing.cells import cell_to_text
from imports.parsing.column_titles import Title, match_meanings
from imports.parsing.table_boundaries import find_title_meanings
from schools.folding import fold

#: A table has no more titles; a sheet of more rows stands upright.
MAX_ROWS = 60
#: Columns searched for the titles.
MAX_TITLE_COLUMNS = 3
#: The share of the cells beside « UAI » that are UAI, or beside « École » that name schools.
MIN_SHARE = 0.5


def lies_on_its_side(rows: Sequence[CellRow]) -> bool:
    """Whether the titles of a table stand in one of the first columns, and its schools beside them.

    `rows`: all of the sheet's, or the first `MAX_ROWS` and one more.
    """
    if len(rows) > MAX_ROWS or any(find_title_meanings(_texts(row)) for row in rows):
        return False
    return any(_holds_titles(rows, column) for column in range(MAX_TITLE_COLUMNS))


def _holds_titles(rows: Sequence[CellRow], column: int) -> bool:
    titled = [row for row in rows if column < len(row) and row[column] != ""]
    titles = [cell_to_text(row[column]) for row in titled]
    if not find_title_meanings(titles):
        return False
    naming = [
        fold(title) for title, row in zip(titles, titled, strict=True) if _is_row_of_schools(title, row[column + 1 :])
    ]
    # The same title twice is that of a second table below.
    return bool(naming) and len(set(naming)) == len(naming)


def _is_row_of_schools(title: str, beside: CellRow) -> bool:
    """Whether a title says that schools are named beside it, and they are."""
    filled = [classify_cell(cell) for cell in beside if cell != ""]
    meanings = match_meanings(Title(title))
    if Meaning.UAI in meanings:
        named = sum(bool(cell_type & CellType.UAI) for cell_type in filled)
        return named > 0 and named >= MIN_SHARE * len(filled)
    if Meaning.NAME in meanings:
        named = sum(bool(cell_type & CellType.SCHOOL and not cell_type & CellType.KIND) for cell_type in filled)
        # One name alone may be the example of a notice.
        return named > 1 and named >= MIN_SHARE * len(filled)
    return False


def _texts(row: CellRow) -> list[str]:
    return [text for cell in row if (text := cell_to_text(cell))]
