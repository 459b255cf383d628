"""Fill down values written once for a group of rows. Pure.

Only the place and the kind of a school: never a UAI, a name, a quantity or an e-mail address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from imports.meanings import Meaning
from imports.parsing.ignored_rows import IgnoredRow
from imports.parsing.rows import ParsedRow

#: Meanings that may be filled down, and the beginning of the remark about each.
FILLED_MEANINGS = {
    Meaning.COMMUNE: "La commune, écrite",
    Meaning.POSTAL_CODE: "Le code postal, écrit",
    Meaning.DEPARTEMENT: "Le département, écrit",
    Meaning.KIND: "Le type, écrit",
}
#: With a smaller share of blank cells, the blanks are omissions rather than groups.
MIN_BLANK_SHARE = 0.1
#: Values written once per group are hardly ever equal in consecutive rows.
MAX_REPEATED_SHARE = 0.1


def fill_values(
    rows: Sequence[ParsedRow],
    ignored_rows: Mapping[int, IgnoredRow],
    columns: Mapping[Meaning, int],
    merged: Mapping[Meaning, Mapping[int, int]],
) -> dict[Meaning, int]:
    """Fill in the values that the rows of a group share; return in how many rows, by meaning.

    `rows` are one sheet's, in order. `ignored_rows`: by row number. `merged`: by meaning, the rows covered by merged
    cells, each with the row of its value.
    """
    counts: dict[Meaning, int] = {}
    for meaning in FILLED_MEANINGS:
        if meaning in columns:
            count = _fill_merged(rows, meaning, merged.get(meaning, {}))
            if _is_written_once(rows, meaning):
                count += _fill_groups(rows, ignored_rows, meaning)
            elif meaning is Meaning.COMMUNE:
                count += _fill_from_headings(rows, ignored_rows, only_blank=True)
        elif meaning is Meaning.COMMUNE:
            count = _fill_from_headings(rows, ignored_rows, only_blank=False)
        else:
            count = 0
        if count:
            counts[meaning] = count
    return counts


def describe_filled(meaning: Meaning, count: int) -> str:
    """Return the French sentence about values that were filled in."""
    lines = "une ligne" if count == 1 else f"{count} lignes"
    ending = "e" if meaning is Meaning.COMMUNE else ""
    return f"{FILLED_MEANINGS[meaning]} une fois par groupe, a été reporté{ending} sur {lines}."


def _fill_merged(rows: Sequence[ParsedRow], meaning: Meaning, covered: Mapping[int, int]) -> int:
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


def _is_written_once(rows: Sequence[ParsedRow], meaning: Meaning) -> bool:
    """Whether a column is filled only in the first row of each group."""
    key = meaning.value
    values = [row.cells.get(key, "") for row in rows if not row.ignored]
    if not values or not values[0]:
        return False
    filled = [value for value in values if value]
    if len(filled) == len(values) or len(values) - len(filled) < MIN_BLANK_SHARE * len(values):
        return False
    repeated = sum(1 for one, other in pairwise(values) if one and one == other)
    # A merely incomplete column repeats the same communes.
    return repeated <= MAX_REPEATED_SHARE * len(filled) and len(set(filled)) >= (1 - 2 * MAX_REPEATED_SHARE) * len(
        filled
    )


def _fill_groups(rows: Sequence[ParsedRow], ignored_rows: Mapping[int, IgnoredRow], meaning: Meaning) -> int:
    key = meaning.value
    value, postal, count = "", "", 0
    for row in rows:
        ignored_row = ignored_rows.get(row.number)
        if ignored_row is not None:
            if ignored_row.ends_group:
                value = ignored_row.commune if meaning is Meaning.COMMUNE else ""
                postal = ""
            continue
        own_value = row.cells.get(key, "")
        if own_value:
            value, postal = own_value, row.cells.get(Meaning.POSTAL_CODE.value, "")
        elif value and _may_share_commune(row, meaning, postal):
            row.cells[key] = value
            count += 1
    return count


def _may_share_commune(row: ParsedRow, meaning: Meaning, postal: str) -> bool:
    """Whether the row's postal code, if any, is the group's."""
    if meaning is not Meaning.COMMUNE:
        return True
    own_value = row.cells.get(Meaning.POSTAL_CODE.value, "")
    return not own_value or not postal or own_value == postal


def _fill_from_headings(rows: Sequence[ParsedRow], ignored_rows: Mapping[int, IgnoredRow], *, only_blank: bool) -> int:
    """Fill in the commune of a heading such as « Commune de Nîmes », down to the end of its group."""
    commune, count = "", 0
    for row in rows:
        ignored_row = ignored_rows.get(row.number)
        if ignored_row is not None:
            if ignored_row.ends_group:
                commune = ignored_row.commune
        elif commune and (not only_blank or Meaning.COMMUNE.value not in row.cells):
            row.cells[Meaning.COMMUNE.value] = commune
            count += 1
    return count
