"""Where the table is: which sheets, and which row of each holds the titles."""

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

#: Rows looked at to find the table, and to know what its columns hold.
SAMPLE = 400
#: Of each of several sheets that are read together.
LEAST_SAMPLE = 40


@dataclass(frozen=True)
class Place:
    """A sheet with its table. `header_row`: its row of titles (the last of two) from 1, None where it has none."""

    index: int
    sheet: Sheet
    header_row: int | None
    titles: list[Title]
    #: Some rows of the table, to know its columns by.
    sample: list[Row]

    @cached_property
    def shape(self) -> str:
        """Return what sheets of the same titles have in common; of sheets without titles, where their UAI stand."""
        texts = [title.text for title in self.titles]
        if any(texts):
            return shape_of(texts)
        coded = sorted({i for row in self.sample for i, cell in enumerate(row) if look_of(cell) & Look.UAI})
        return f"{len(texts)}:{coded}" if coded else ""


class Layout(NamedTuple):
    """The sheets to read, in their order, and the names of the other sheets that hold schools, hidden or not."""

    places: list[Place]
    others: list[str]
    hidden: list[str]


class _Merit(NamedTuple):
    """What makes a sheet the one to read; compared in this order."""

    is_list: bool
    visible: bool
    coded: bool
    says_how_many: bool
    uais: int
    titles: int
    rows: int


def find_layout(workbook: Workbook, *, sheets: Sequence[str] | None = None, header_row: int | None = None) -> Layout:
    """Return where the table is. `sheets`, `header_row`: what the member chose (row 0 for « no titles »).

    Raises `Unreadable` where there is no sheet of such a name.
    """
    if sheets:
        places = _chosen(workbook, sheets, header_row)
        return Layout(places, [], [])
    sheets_of = [(index, sheet) for index, sheet in enumerate(workbook.sheets) if sheet.name != OWN_SHEET]
    found = [_find(index, sheet) for index, sheet in sheets_of]
    merits = {place.index: _merit(place) for place in found}
    best = max(found, key=lambda place: merits[place.index])
    shape = best.shape
    same = [
        place
        for place in found
        if place.index == best.index
        or (
            shape
            and merits[best.index].is_list
            and place.shape == shape
            and place.sheet.hidden == best.sheet.hidden
            and merits[place.index].rows
        )
    ]
    read = {place.index for place in same}
    if header_row is not None:
        same = [_at(place, header_row, same[0]) for place in same]
    left = [place for place in found if place.index not in read and merits[place.index].is_list]
    return Layout(
        same,
        [place.sheet.name for place in left if not place.sheet.hidden],
        [place.sheet.name for place in left if place.sheet.hidden],
    )


def sample_of(places: Sequence[Place]) -> list[Row]:
    """Return rows of all these sheets, to know their columns by; rows of one cell are titles of groups and notes."""
    each = max(LEAST_SAMPLE, SAMPLE // len(places))
    rows = [row for place in places for row in place.sample[:each]]
    return [row for row in rows if sum(1 for cell in row if cell != "") > 1] or rows


def _chosen(workbook: Workbook, sheets: Sequence[str], header_row: int | None) -> list[Place]:
    names = [sheet.name for sheet in workbook.sheets]
    missing = [name for name in sheets if name not in names]
    if missing:
        there = ", ".join(f"« {name} »" for name in names)
        raise Unreadable("no_such_sheet", f"Ce fichier n'a pas de feuille « {missing[0]} ». Il contient : {there}.")
    places = [_find(index, sheet) for index, sheet in enumerate(workbook.sheets) if sheet.name in sheets]
    return places if header_row is None else [_at(place, header_row, places[0]) for place in places]


def _find(index: int, sheet: Sheet) -> Place:
    rows = list(islice(sheet.rows(), SAMPLE))
    return _place(index, sheet, rows, find_header(rows, sheet.merged))


def _at(place: Place, header_row: int, first: Place) -> Place:
    """Return the sheet with the titles in the row that the member chose.

    The row was seen in the first of the sheets: another whose own titles are the same, in another row, keeps them.
    """
    if header_row > place.sheet.height:
        return place
    rows = list(islice(place.sheet.rows(), header_row + SAMPLE))
    if not header_row:
        return _place(place.index, place.sheet, rows, Header(None, []))
    chosen = _place(place.index, place.sheet, rows, header_at(rows, header_row - 1, place.sheet.merged))
    if place.index == first.index:
        return chosen
    return place if place.shape == first.shape != chosen.shape else chosen


def _place(index: int, sheet: Sheet, rows: list[Row], header: Header) -> Place:
    start = 0 if header.row is None else header.row + 1
    sample = rows[start : start + SAMPLE]
    width = max(map(len, sample), default=0)
    titles = header.titles + [Title("")] * (width - len(header.titles))
    return Place(index, sheet, None if header.row is None else header.row + 1, titles, sample)


def _merit(place: Place) -> _Merit:
    codes = sum(_holds_uai(row) for row in place.sample)
    said = {meaning for title in place.titles if title.text for meaning in meanings_of(title)}
    number = bool(said & {Meaning.UNITS, Meaning.CLASSES})
    rows = sum(1 for row in place.sample if any(row))
    by_name = Meaning.NAME in said and (number or bool(said & {Meaning.COMMUNE, Meaning.POSTAL_CODE}))
    bare = not said and _names_schools(place.sample)
    return _Merit(
        is_list=rows > 0 and (codes > 0 or by_name or bare),
        visible=not place.sheet.hidden,
        coded=codes > 0,
        says_how_many=number,
        uais=codes,
        titles=len(said),
        rows=rows,
    )


def _holds_uai(row: Row) -> bool:
    return any(isinstance(cell, str) and look_of(cell) & Look.UAI for cell in row[:MOST_COLUMNS])


def _names_schools(rows: Sequence[Row]) -> bool:
    """Tell whether rows without titles are schools by their names: « École Jean Jaurès » in half of them."""
    named = sum(any(isinstance(cell, str) and look_of(cell) & Look.SCHOOL for cell in row) for row in rows)
    return named * 2 >= len(rows) > 1
