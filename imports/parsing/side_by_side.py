"""Recognise tables side by side in a sheet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from imports.formats.sheet_types import CellRow, MergedRange
from imports.meanings import Meaning
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS
from imports.parsing.cells import cell_to_text
from imports.parsing.column_titles import Title, match_meanings
from imports.parsing.headers import find_header
from imports.parsing.table_boundaries import find_title_meanings
from schools.folding import fold

#: What a table of schools gives; without it, « UAI du collège » and « Collège » say more about the school beside them.
_GIVEN_MEANINGS = frozenset({Meaning.UNITS, Meaning.CLASSES})
_SCHOOL_MEANINGS = frozenset({Meaning.UAI, Meaning.NAME})
#: A table has at least a name and a number.
MIN_COLUMNS = 2


class Block(NamedTuple):
    """The columns of one of several tables, from 0, ends included."""

    left: int
    right: int


def find_blocks(rows: Sequence[CellRow], merged: Sequence[MergedRange] = ()) -> list[Block]:
    """Return the columns of each table, from the left; none where there is only one table.

    `rows`: the first ones of the sheet.
    """
    width = min(max(map(len, rows), default=0), MAX_SAMPLED_COLUMNS)
    titles = find_header(rows, merged).titles[:width]
    lefts = (
        _find_repetitions([fold(title.child or title.text) for title in titles], _gives_numbers)
        # Without numbers, a banner over each of them may say that the second is about the first.
        or _find_repetitions([fold(title.text) for title in titles], _names_schools, leftmost=True)
        or _find_tables_beside(rows, width)
    )
    if len(lefts) < 2:  # noqa: PLR2004
        return []
    filled = _find_filled_columns(rows, max(map(len, rows)))
    ends = [*lefts[1:], len(filled)]
    return [
        Block(left, max(index for index in range(left, end) if filled[index]))
        for left, end in zip([0, *lefts[1:]], ends, strict=True)
    ]


def _find_repetitions(
    texts: Sequence[str], is_table: Callable[[Sequence[str]], bool], *, leftmost: bool = False
) -> list[int]:
    """Return the first column of each table, where the same titles come again: « UAI, Licences, UAI, Licences ».

    `leftmost`: only where the first title comes again.
    """
    starts = [index for index, text in enumerate(texts) if text]
    for start in starts[:1] if leftmost else starts:
        period = next((i - start for i in range(start + MIN_COLUMNS, len(texts)) if texts[i] == texts[start]), 0)
        names = list(texts[start : start + period])
        if not is_table([name for name in names if name]):
            continue
        # The last of them may lack the blank column behind.
        while names and not names[-1]:
            names.pop()
        lefts = [start]
        while texts[lefts[-1] + period : lefts[-1] + period + len(names)] == names:
            lefts.append(lefts[-1] + period)
        if len(lefts) > 1:
            return lefts
    return []


def _gives_numbers(texts: Sequence[str]) -> bool:
    return bool(find_title_meanings(texts) & _GIVEN_MEANINGS)


def _names_schools(texts: Sequence[str]) -> bool:
    return any(match_meanings(Title(text)).keys() & _SCHOOL_MEANINGS for text in texts)


def _find_tables_beside(rows: Sequence[CellRow], width: int) -> list[int]:
    """Return the first column of each table, where blank columns part tables with titles of their own."""
    filled = _find_filled_columns(rows, width)
    groups = [[index for index, _ in group] for is_filled, group in groupby(enumerate(filled), lambda one: one[1])
              if is_filled]  # fmt: skip
    if len(groups) < 2:  # noqa: PLR2004
        return []
    return [group[0] for group in groups if _is_table([row[group[0] : group[-1] + 1] for row in rows])]


def _find_filled_columns(rows: Sequence[CellRow], width: int) -> list[bool]:
    # A text alone in its row is a banner: it may stand above a blank column.
    several = [row for row in rows if sum(1 for cell in row if cell != "") > 1]
    return [any(index < len(row) and row[index] != "" for row in several) for index in range(width)]


def _is_table(rows: Sequence[CellRow]) -> bool:
    header = find_header(rows)
    if header.row is None:
        return False
    # Their own row, as the banner above may be joined with it.
    texts = [text for cell in rows[header.row] if (text := cell_to_text(cell))]
    below = [row for row in rows[header.row + 1 :] if sum(1 for cell in row if cell != "") > 1]
    return bool(below) and _gives_numbers(texts)
