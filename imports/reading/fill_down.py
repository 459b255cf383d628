"""What is written once for a group of rows, carried to the others of the group. Pure.

Only what says where a school is, or of which kind: never a UAI, a name, a number or an address.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from imports.meanings import Meaning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imports.reading.asides import Aside
    from imports.reading.rows import CheckedRow

#: What may be carried, and how the remark names it.
CARRIED = {
    Meaning.COMMUNE: "La commune, écrite",
    Meaning.POSTAL_CODE: "Le code postal, écrit",
    Meaning.DEPARTEMENT: "Le département, écrit",
    Meaning.KIND: "Le type, écrit",
}
#: Fewer blanks than this share are forgotten cells rather than groups.
FEWEST_BLANKS = 0.1
#: Written once for each group, a value hardly ever stands twice in a row.
MOST_REPEATED = 0.1


def carry(
    rows: Sequence[CheckedRow],
    asides: Mapping[int, Aside],
    columns: Mapping[Meaning, int],
    merged: Mapping[Meaning, Mapping[int, int]],
) -> dict[Meaning, int]:
    """Fill in what the rows of a group have in common; return on how many rows, by meaning.

    `rows` are one sheet's, in their order. `asides`: those that are none of the table's, by number. `merged`: for a
    column, the rows that merged cells cover, each with the row whose value they show.
    """
    carried: dict[Meaning, int] = {}
    for meaning in CARRIED:
        if meaning in columns:
            count = _by_merging(rows, meaning, merged.get(meaning, {}))
            if _is_written_once(rows, meaning):
                count += _down(rows, asides, meaning)
            elif meaning is Meaning.COMMUNE:
                count += _from_headings(rows, asides, only_blank=True)
        elif meaning is Meaning.COMMUNE:
            count = _from_headings(rows, asides, only_blank=False)
        else:
            count = 0
        if count:
            carried[meaning] = count
    return carried


def remark(meaning: Meaning, count: int) -> str:
    """Say in French what was carried, and on how many rows."""
    lines = "une ligne" if count == 1 else f"{count} lignes"
    ending = "e" if meaning is Meaning.COMMUNE else ""
    return f"{CARRIED[meaning]} une fois par groupe, a été reporté{ending} sur {lines}."


def _by_merging(rows: Sequence[CheckedRow], meaning: Meaning, covered: Mapping[int, int]) -> int:
    if not covered:
        return 0
    values = {row.number: row.cells[meaning.value] for row in rows if meaning.value in row.cells}
    count = 0
    for row in rows:
        value = values.get(covered.get(row.number, 0))
        if value and not row.ignored and meaning.value not in row.cells:
            row.cells[meaning.value] = value
            count += 1
    return count


def _is_written_once(rows: Sequence[CheckedRow], meaning: Meaning) -> bool:
    """Tell whether a column is filled at the first row of each group alone."""
    key = meaning.value
    values = [row.cells.get(key, "") for row in rows if not row.ignored]
    if not values or not values[0]:
        return False
    filled = [value for value in values if value]
    if len(filled) == len(values) or len(values) - len(filled) < FEWEST_BLANKS * len(values):
        return False
    neighbours = sum(1 for one, other in pairwise(values) if one and one == other)
    # A column that is merely incomplete names the same commune again and again, here and there.
    return neighbours <= MOST_REPEATED * len(filled) and len(set(filled)) >= (1 - 2 * MOST_REPEATED) * len(filled)


def _down(rows: Sequence[CheckedRow], asides: Mapping[int, Aside], meaning: Meaning) -> int:
    key = meaning.value
    value, postal, count = "", "", 0
    for row in rows:
        aside = asides.get(row.number)
        if aside is not None:
            if aside.ends_group:
                value = aside.commune if meaning is Meaning.COMMUNE else ""
                postal = ""
            continue
        own = row.cells.get(key, "")
        if own:
            value, postal = own, row.cells.get(Meaning.POSTAL_CODE.value, "")
        elif value and _agrees(row, meaning, postal):
            row.cells[key] = value
            count += 1
    return count


def _agrees(row: CheckedRow, meaning: Meaning, postal: str) -> bool:
    """Tell whether nothing in the row says that it is of another place than the group."""
    if meaning is not Meaning.COMMUNE:
        return True
    own = row.cells.get(Meaning.POSTAL_CODE.value, "")
    return not own or not postal or own == postal


def _from_headings(rows: Sequence[CheckedRow], asides: Mapping[int, Aside], *, only_blank: bool) -> int:
    """Give the rows below « Commune de Nîmes » that commune, until another group begins or a total ends it."""
    commune, count = "", 0
    for row in rows:
        aside = asides.get(row.number)
        if aside is not None:
            if aside.ends_group:
                commune = aside.commune
        elif commune and (not only_blank or Meaning.COMMUNE.value not in row.cells):
            row.cells[Meaning.COMMUNE.value] = commune
            count += 1
    return count
