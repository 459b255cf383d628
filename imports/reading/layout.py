"""Select the sheets to read, and find the header row of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from imports.meanings import OWN_SHEET, Meaning
from imports.readers.refusals import Unreadable
from imports.reading.contents import MOST_COLUMNS, Look, look_of
from imports.reading.headers import Header, find_header, header_at
from imports.reading.shapes import shape_of
from imports.reading.titles import Title, meanings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.readers.sheets import Row, Sheet, Workbook

#: Rows sampled to find the header and to map the columns.
SAMPLE_ROWS = 400
#: For each of several sheets read together.
MIN_SAMPLE_ROWS = 40


@dataclass(frozen=True)
class Place:
    """A sheet to read. `header_row`: its header row (the last of two), from 1, None where it has none."""

    index: int
    sheet: Sheet
    header_row: int | None
    titles: list[Title]
    #: The first rows below the header, to map the columns.
    sample: list[Row]

    @cached_property
    def shape(self) -> str:
        """Digest of the titles, equal for sheets with the same ones; without titles, the columns that hold UAI."""
        texts = [title.text for title in self.titles]
        if any(texts):
            return shape_of(texts)
        uai_columns = sorted({i for row in self.sample for i, cell in enumerate(row) if look_of(cell) & Look.UAI})
        return f"{len(texts)}:{uai_columns}" if uai_columns else ""


class Layout(NamedTuple):
    """The sheets to read, in order, and the names of the other visible and hidden sheets that list schools."""

    places: list[Place]
    others: list[str]
    hidden: list[str]


class _SheetScore(NamedTuple):
    """How suitable a sheet is; fields compared in order."""

    is_list: bool
    visible: bool
    has_uai: bool
    has_quantity: bool
    uais: int
    titles: int
    rows: int


def find_layout(workbook: Workbook, *, sheets: Sequence[str] | None = None, header_row: int | None = None) -> Layout:
    """Return the sheets to read. `sheets`, `header_row`: the member's choices (row 0 for « no header »).

    Raises `UnreadableFile` where no sheet has such a name.
    """
    if sheets:
        places = _chosen_sheets(workbook, sheets, header_row)
        return Layout(places, [], [])
    indexed_sheets = [(index, sheet) for index, sheet in enumerate(workbook.sheets) if sheet.name != OWN_SHEET]
    candidates = [_detect(index, sheet) for index, sheet in indexed_sheets]
    scores = {detected.index: _score(detected) for detected in candidates}
    best = max(candidates, key=lambda detected: scores[detected.index])
    shape = best.shape
    selected = [
        detected
        for detected in candidates
        if detected.index == best.index
        or (
            shape
            and scores[best.index].is_list
            and detected.shape == shape
            and detected.sheet.hidden == best.sheet.hidden
            and scores[detected.index].rows
        )
    ]
    selected_indexes = {detected.index for detected in selected}
    if header_row is not None:
        selected = [_with_header_row(detected, header_row, selected[0]) for detected in selected]
    unread = [
        detected for detected in candidates if detected.index not in selected_indexes and scores[detected.index].is_list
    ]
    return Layout(
        selected,
        [detected.sheet.name for detected in unread if not detected.sheet.hidden],
        [detected.sheet.name for detected in unread if detected.sheet.hidden],
    )


def sample_of(places: Sequence[Place]) -> list[Row]:
    """Return sample rows of all sheets, to map the columns; omit single-cell rows: headings and notes."""
    each = max(MIN_SAMPLE_ROWS, SAMPLE_ROWS // len(places))
    rows = [row for detected in places for row in detected.sample[:each]]
    return [row for row in rows if sum(1 for cell in row if cell != "") > 1] or rows


def _chosen_sheets(workbook: Workbook, sheets: Sequence[str], header_row: int | None) -> list[Place]:
    names = [sheet.name for sheet in workbook.sheets]
    missing = [name for name in sheets if name not in names]
    if missing:
        available = ", ".join(f"« {name} »" for name in names)
        raise Unreadable("no_such_sheet", f"Ce fichier n'a pas de feuille « {missing[0]} ». Il contient : {available}.")
    places = [_detect(index, sheet) for index, sheet in enumerate(workbook.sheets) if sheet.name in sheets]
    return places if header_row is None else [_with_header_row(detected, header_row, places[0]) for detected in places]


def _detect(index: int, sheet: Sheet) -> Place:
    rows = list(islice(sheet.rows(), SAMPLE_ROWS))
    return _build(index, sheet, rows, find_header(rows, sheet.merged))


def _with_header_row(detected: Place, header_row: int, first: Place) -> Place:
    """Return the sheet with its header in the row that the member chose.

    The choice was made on the first sheet: another with the same titles in a different row keeps its own.
    """
    if header_row > detected.sheet.height:
        return detected
    rows = list(islice(detected.sheet.rows(), header_row + SAMPLE_ROWS))
    if not header_row:
        return _build(detected.index, detected.sheet, rows, Header(None, []))
    chosen = _build(detected.index, detected.sheet, rows, header_at(rows, header_row - 1, detected.sheet.merged))
    if detected.index == first.index:
        return chosen
    return detected if detected.shape == first.shape != chosen.shape else chosen


def _build(index: int, sheet: Sheet, rows: list[Row], header: Header) -> Place:
    start = 0 if header.row is None else header.row + 1
    sample = rows[start : start + SAMPLE_ROWS]
    width = max(map(len, sample), default=0)
    titles = header.titles + [Title("")] * (width - len(header.titles))
    return Place(index, sheet, None if header.row is None else header.row + 1, titles, sample)


def _score(detected: Place) -> _SheetScore:
    uai_count = sum(_holds_uai(row) for row in detected.sample)
    meanings = {meaning for title in detected.titles if title.text for meaning in meanings_of(title)}
    has_quantity = bool(meanings & {Meaning.UNITS, Meaning.CLASSES})
    rows = sum(1 for row in detected.sample if any(row))
    by_name = Meaning.NAME in meanings and (has_quantity or bool(meanings & {Meaning.COMMUNE, Meaning.POSTAL_CODE}))
    lists_names = not meanings and _lists_school_names(detected.sample)
    return _SheetScore(
        is_list=rows > 0 and (uai_count > 0 or by_name or lists_names),
        visible=not detected.sheet.hidden,
        has_uai=uai_count > 0,
        has_quantity=has_quantity,
        uais=uai_count,
        titles=len(meanings),
        rows=rows,
    )


def _holds_uai(row: Row) -> bool:
    return any(isinstance(cell, str) and look_of(cell) & Look.UAI for cell in row[:MOST_COLUMNS])


def _lists_school_names(rows: Sequence[Row]) -> bool:
    """Whether at least half of the rows name a school, such as « École Jean Jaurès »."""
    named = sum(any(isinstance(cell, str) and look_of(cell) & Look.SCHOOL for cell in row) for row in rows)
    return named * 2 >= len(rows) > 1
