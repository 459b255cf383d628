"""Where the table is: the sheet, and the row of its titles, below banners, merged titles and blank rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from imports import cells
from imports.meanings import Meaning, recognised
from imports.readers.refusals import Unreadable
from schools import uai

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imports.readers.sheets import Row, Sheet, Workbook

#: Rows looked at to find the table, and to know what its columns hold.
SAMPLE = 400
#: Titles stand at most so many rows above the first school.
REACH = 12


class Layout(NamedTuple):
    """Where the table was found. `header_row` is numbered from 1, None where the table has no titles."""

    sheet: Sheet
    header_row: int | None
    titles: list[str]
    #: Some rows of the table, to know its columns by.
    sample: list[Row]


def find_layout(workbook: Workbook, *, sheet: str | None = None, header_row: int | None = None) -> Layout:
    """Return where the table is. `sheet`, `header_row`: what the member chose (0 for « no titles »).

    Raises `Unreadable` where there is no sheet of that name.
    """
    if sheet is not None:
        chosen = next((s for s in workbook.sheets if s.name == sheet), None)
        if chosen is None:
            names = ", ".join(f"« {s.name} »" for s in workbook.sheets)
            raise Unreadable("no_such_sheet", f"Ce fichier n'a pas de feuille « {sheet} ». Il contient : {names}.")
    else:
        # The sheet with most schools in its beginning; among equals the first, among none the one that looks most
        # like a table.
        chosen = max(workbook.sheets, key=_merit_of_sheet)
    rows = list(islice(chosen.rows(), SAMPLE))
    found = _find_header(rows) if header_row is None else header_row - 1
    if found is not None and not 0 <= found < len(rows):
        found = None
    width = max((len(row) for row in rows), default=0)
    if found is None:
        return Layout(chosen, None, [""] * width, rows)
    titles = [cells.text_of(cell) for cell in rows[found]]
    titles += [""] * (width - len(titles))
    return Layout(chosen, found + 1, titles, rows[found + 1 :])


def sheets_with_schools(workbook: Workbook) -> list[str]:
    """Return the names of the sheets that hold UAI."""
    return [sheet.name for sheet in workbook.sheets if _merit_of_sheet(sheet)[0]]


def _merit_of_sheet(sheet: Sheet) -> tuple[int, int]:
    rows = list(islice(sheet.rows(), SAMPLE))
    return (sum(_holds_uai(row) for row in rows), max((_titles_in(row) for row in rows), default=0))


def _holds_uai(row: Iterable[object]) -> bool:
    return any(isinstance(cell, str) and 6 <= len(cell) <= 40 and uai.find(cell) for cell in row)  # noqa: PLR2004


def _titles_in(row: Sequence[object]) -> int:
    """Return how much a row looks like titles: one point a title, three for the UAI's.

    A title is short and a row of titles has several cells; « Liste des écoles (RNE) » alone in its row is a banner.
    """
    texts = [text for cell in row if isinstance(cell, str) and (text := cell.strip())]
    if any(_holds_uai([text]) for text in texts):
        return 0
    points = 0
    for text in texts:
        meanings = recognised(text) if len(text) <= 60 else set()  # noqa: PLR2004
        points += 3 if Meaning.UAI in meanings else bool(meanings)
    return points if len(texts) > 1 or len(row) == 1 or points >= 3 else 0  # noqa: PLR2004


def _find_header(rows: Sequence[Row]) -> int | None:
    """Return the index of the row of titles; None where the table has none."""
    first = next((index for index, row in enumerate(rows) if _holds_uai(row)), None)
    if first is None:
        best = max(range(len(rows)), key=lambda index: _titles_in(rows[index]), default=None)
        return best if best is not None and _titles_in(rows[best]) else None
    above = [index for index in range(max(0, first - REACH), first) if any(str(cell).strip() for cell in rows[index])]
    if not above:
        return None
    # Among equals the nearest to the schools: what stands further up is a banner.
    best = max(above, key=lambda index: (_titles_in(rows[index]), index))
    if _titles_in(rows[best]):
        return best
    nearest = above[-1]
    filled = sum(1 for cell in rows[nearest] if str(cell).strip())
    return nearest if filled > 1 or len(rows[first]) == 1 else None
