"""The rows below the titles of one sheet, checked, and completed with what stands once for a group. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports import carrying
from imports.asides import SUMMED, Asides
from imports.contents import POSTAL_TOWN
from imports.headers import folded
from imports.meanings import Meaning
from imports.rows import CheckedRow, check, columns_in_order, is_blank
from schools.uai import WELL_FORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imports.asides import Aside
    from imports.layout import Place

#: How often the progress is told, in rows.
EVERY = 5_000
#: A sum of fewer rows is a number like any other.
FEWEST_SUMMED = 2


class Body(NamedTuple):
    """The checked rows of a sheet, and on how many of them something was carried, by meaning."""

    rows: list[CheckedRow]
    carried: dict[Meaning, int]


def read_body(
    place: Place,
    columns: Mapping[Meaning, int],
    *,
    volume: Meaning | None,
    communes: frozenset[str],
    progress: Callable[[int], None] | None = None,
) -> Body:
    """Return the rows of a sheet that are not blank. `progress` is told the rows gone through, now and then."""
    sheet, first = place.index, place.header_row or 0
    asides = Asides(columns, frozenset(_parts(place)), communes)
    found: dict[int, Aside] = {}
    rows: list[CheckedRow] = []
    ordered, uncomputed = columns_in_order(columns), place.sheet.uncomputed
    coded = columns.get(Meaning.UAI, -1)
    well_formed = WELL_FORMED.fullmatch
    group, group_rows, whole, whole_rows = 0, 0, 0, 0
    for number, row in enumerate(place.sheet.rows(), start=1):
        if progress is not None and number % EVERY == 0:
            progress(number)
        if number <= first:
            continue
        cell = row[coded] if 0 <= coded < len(row) else ""
        if not (type(cell) is str and well_formed(cell)) and not asides.is_plainly_school(row):
            if is_blank(row):
                continue
            aside = asides.find(row, first=not rows)
            if aside is None and volume is not None and asides.names_none(row):
                asked = check(sheet, number, row, ordered, volume=volume).units
                if asked and (
                    (asked == group and group_rows >= FEWEST_SUMMED) or (asked == whole and whole_rows >= FEWEST_SUMMED)
                ):
                    aside = SUMMED
            if aside is not None:
                found[number] = aside
                rows.append(check(sheet, number, row, ordered, ignored=aside.reason))
                group, group_rows = 0, 0
                continue
        checked = check(sheet, number, row, ordered, volume=volume, uncomputed=uncomputed)
        rows.append(checked)
        if checked.units:
            group, group_rows = group + checked.units, group_rows + 1
            whole, whole_rows = whole + checked.units, whole_rows + 1
    _part_places(rows, columns)
    return Body(rows, carrying.carry(rows, found, columns, _merged(place, columns)))


def _parts(place: Place) -> set[str]:
    """Return all texts of the titles, folded: what a header that comes again is made of."""
    texts = {text for title in place.titles for text in (title.text, title.parent, title.child)}
    return {folded(text) for text in texts} - {""}


def _merged(place: Place, columns: Mapping[Meaning, int]) -> dict[Meaning, dict[int, int]]:
    """Return, for each column, the rows that a merged cell covers, each with the row that holds its value."""
    meanings = {index: meaning for meaning, index in columns.items()}
    covered: dict[Meaning, dict[int, int]] = {}
    for area in place.sheet.merged:
        if area.left == area.right and area.bottom > area.top and area.left in meanings:
            rows = dict.fromkeys(range(area.top + 1, area.bottom + 1), area.top)
            covered.setdefault(meanings[area.left], {}).update(rows)
    return covered


def _part_places(rows: list[CheckedRow], columns: Mapping[Meaning, int]) -> None:
    """Part « 30000 Nîmes » into its code and its commune, where they stand in one cell."""
    if Meaning.COMMUNE not in columns:
        return
    shared = columns.get(Meaning.POSTAL_CODE, columns[Meaning.COMMUNE]) == columns[Meaning.COMMUNE]
    for row in rows:
        text = row.cells.get("commune", "")
        if (
            not text
            or row.ignored
            or not (text[0].isdecimal() or text[-1].isdecimal() or text[-1] == ")" or text[0] == "F")
        ):
            continue
        both = POSTAL_TOWN.fullmatch(text)
        if both is not None:
            row.cells["commune"] = both[2] or both[3]
            if shared or "postal_code" not in row.cells:
                row.cells["postal_code"] = both[1] or both[4]
