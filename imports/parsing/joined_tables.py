"""Ask about a table that seems to be two, side by side without a blank column between them. Pure."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

from imports.meanings import Meaning
from imports.parsing.cell_classification import CellType, classify_cell
from imports.parsing.cells import cell_to_text
from imports.parsing.column_mapping import column_letters
from imports.parsing.column_titles import match_meanings
from imports.question import AnswerOption, LayoutQuestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.formats.sheet_types import CellRow
    from imports.parsing.column_titles import Title

CODE = "joined_tables"
#: In a list, hardly a school stands twice; « UAI du collège » repeats few.
MIN_DISTINCT_SHARE = 0.9
#: One row of two schools says nothing.
MIN_SCHOOLS = 2


def ask_joined_tables(titles: Sequence[Title], sample: Sequence[CellRow]) -> list[LayoutQuestion]:
    """Return a question where two columns list different schools, each with a number of licences on its side."""
    numbers = [index for index, title in enumerate(titles) if title.text and Meaning.UNITS in match_meanings(title)]
    if len(numbers) < 2:  # noqa: PLR2004
        return []
    listed = {index: _list_uais(sample, index) for index in range(len(titles))}
    columns = [index for index, uais in listed.items() if uais]
    for left, right in pairwise(columns):
        apart = any(max(left, one) < min(right, other) for one, other in product(numbers, repeat=2))
        if apart and not listed[left] & listed[right]:
            return [
                LayoutQuestion(
                    "",
                    CODE,
                    f"Les colonnes {column_letters(left)} et {column_letters(right)} listent des écoles différentes, "
                    "chacune avec un nombre de licences : deux tableaux semblent côte à côte. Mettez une colonne vide "
                    "entre eux et déposez le fichier de nouveau, ou confirmez que c'est un seul tableau.",
                    (AnswerOption("one", "C'est un seul tableau : lire les colonnes choisies ci-dessous"),),
                )
            ]
    return []


def _list_uais(sample: Sequence[CellRow], index: int) -> set[str]:
    """Return the UAI in a column; none where it is no list of schools."""
    found = [
        cell_to_text(row[index]).upper()
        for row in sample
        if index < len(row) and isinstance(row[index], str) and classify_cell(row[index]) & CellType.UAI
    ]
    return set(found) if len(found) >= MIN_SCHOOLS and len(set(found)) >= MIN_DISTINCT_SHARE * len(found) else set()
