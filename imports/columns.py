"""Which column means what: by its title, and by what it holds.

A column of UAI is a column of UAI whatever its title, and so is a column of addresses. Two columns that could both
be one meaning are never chosen between in silence: the question goes to the member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports import cells
from imports.meanings import LABELS, Meaning, is_added, tier
from imports.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imports.readers.sheets import Cell, Row

#: From this share of filled cells on, a column is what its cells are.
MOST = 0.6
#: Below it, a title alone does not make a column of UAI or numbers: « Code établissement » may be any code.
SOME = 0.2


class Recognition(NamedTuple):
    """The column of each meaning that was found, by its index, and the questions that only the member can answer."""

    columns: dict[Meaning, int]
    questions: list[Problem]


def _is_uai(cell: Cell) -> bool:
    return isinstance(cells.read_uai(cell), cells.ReadUai)


def _is_email(cell: Cell) -> bool:
    return "@" in str(cell) and isinstance(cells.read_email(cell), str)


def _is_quantity(cell: Cell) -> bool:
    return isinstance(cells.read_quantity(cell), int)


CONTENT: dict[Meaning, Callable[[Cell], bool]] = {
    Meaning.UAI: _is_uai,
    Meaning.EMAIL: _is_email,
    Meaning.UNITS: _is_quantity,
}


def share(column: Sequence[Cell], test: Callable[[Cell], bool]) -> float | None:
    """Return the share of a column's filled cells that pass, None where it is empty."""
    filled = [cell for cell in column if str(cell).strip()]
    return sum(map(test, filled)) / len(filled) if filled else None


def column_of(rows: Sequence[Row], index: int) -> list[Cell]:
    """Return one column of a sample of rows, blank where a row is shorter."""
    return [row[index] if index < len(row) else "" for row in rows]


def recognise(
    titles: Sequence[str], sample: Sequence[Row], chosen: Mapping[Meaning, int | None] | None = None
) -> Recognition:
    """Return the mapping for these titles and the rows below them.

    `chosen`: what the member decided; None for a meaning that no column has.
    """
    chosen = chosen or {}
    columns: dict[Meaning, int] = {m: i for m, i in chosen.items() if i is not None and i < len(titles)}
    questions: list[Problem] = []
    added = {index for index, title in enumerate(titles) if is_added(title)}
    for meaning in Meaning:
        if meaning in chosen:
            continue
        # What we wrote ourselves into an annotated workbook is no data, whatever it looks like.
        taken = set(columns.values()) | (added if meaning is not Meaning.CHOICE else set())
        candidates = [i for i in _candidates(meaning, titles, sample) if i not in taken]
        if len(candidates) > 1 and meaning in CONTENT:
            first = column_of(sample, candidates[0])
            candidates = [
                i for i in candidates if i == candidates[0] or _differ(first, column_of(sample, i))
            ]  # the same column twice is no question
        if len(candidates) > 1 and meaning in CONTENT:
            names = " et ".join(f"« {titles[i].strip() or letters(i)} » ({letters(i)})" for i in candidates)
            questions.append(
                Problem(
                    meaning,
                    "ambiguous_column",
                    f"Plusieurs colonnes peuvent donner « {LABELS[meaning]} » : {names}. Choisissez la bonne.",
                )
            )
        elif candidates:
            columns[meaning] = candidates[0]
    if Meaning.UAI not in columns and not any(question.column == Meaning.UAI for question in questions):
        questions.append(
            Problem(
                Meaning.UAI,
                "no_uai_column",
                "Aucune colonne d'UAI n'a été trouvée. Choisissez la bonne feuille ou la bonne colonne ; si le tableau "
                "n'en a pas, ajoutez-y l'UAI de chaque école.",
            )
        )
    return Recognition(columns, questions)


def _candidates(meaning: Meaning, titles: Sequence[str], sample: Sequence[Row]) -> list[int]:
    """Return the columns that may have this meaning, all as good as each other."""
    tiers = {index: tier(title, meaning) for index, title in enumerate(titles)}
    test = CONTENT.get(meaning)
    if test is None:
        # What is only shown needs no question: the first title that says it.
        return [index for index, number in tiers.items() if number is not None][:1]
    shares = {index: share(column_of(sample, index), test) for index in range(len(titles))}
    titled = {
        index: number
        for index, number in tiers.items()
        if number is not None and (shares[index] is None or (shares[index] or 0) >= SOME)
    }
    # A title that leaves no doubt, over cells that are all wrong: the faults are told row by row.
    sure = [index for index, number in tiers.items() if number == 0]
    if meaning is Meaning.UNITS:
        # Any column may hold small numbers: only a title says which are licences.
        filled = {index: number for index, number in titled.items() if shares[index] is not None}
        return _surest(filled or titled) or sure
    by_content = [index for index, part in shares.items() if part is not None and part >= MOST]
    if by_content:
        both = {index: titled[index] for index in by_content if index in titled}
        return _surest(both) if both else by_content
    filled = {index: number for index, number in titled.items() if shares[index] is not None}
    return _surest(filled or titled) or sure


def _surest(titled: Mapping[int, int]) -> list[int]:
    best = min(titled.values(), default=None)
    return [index for index, number in titled.items() if number == best]


def _differ(one: Sequence[Cell], other: Sequence[Cell]) -> bool:
    return [cells.text_of(cell).lower() for cell in one] != [cells.text_of(cell).lower() for cell in other]


def letters(index: int) -> str:
    """Return a column's name as a spreadsheet shows it: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name
