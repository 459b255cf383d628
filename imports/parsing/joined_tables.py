"""Ask about a table that seems to be two, side by side without a blank column between them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning
from imports.parsing.cell_classification import CellType, classify_cell
from imports.parsing.cells import cell_to_text
from imports.parsing.column_mapping import column_letters
from imports.parsing.column_titles import Title, match_meanings
from imports.question import AnswerOption, LayoutQuestion

JOINED_TABLES = "joined_tables"
#: In a list, hardly a school stands twice; « UAI du collège » repeats few.
MIN_OWN_SHARE = 0.9
#: One row of two schools says nothing.
MIN_SCHOOLS = 2


def ask_joined_tables(titles: Sequence[Title], sample: Sequence[CellRow]) -> list[LayoutQuestion]:
    """Return a question where two columns name schools, each with a number of licences on its side."""
    by_meaning = {
        meaning: [index for index, title in enumerate(titles) if title.text and meaning in match_meanings(title)]
        for meaning in (Meaning.UNITS, Meaning.NAME, Meaning.COMMUNE)
    }
    numbers = by_meaning[Meaning.UNITS]
    if len(numbers) < 2:  # noqa: PLR2004
        return []
    listed = {index: _list_uais(sample, index) for index in range(len(titles))}
    coded = [index for index, uais in listed.items() if uais]
    for left, right in pairwise(coded):
        if _part([[left, right], numbers]) and not listed[left] & listed[right]:
            return [_build_question(left, right)]
    # Without UAI, all that names a school comes twice.
    if not coded and _part(list(by_meaning.values())):
        return [_build_question(by_meaning[Meaning.NAME][0], by_meaning[Meaning.NAME][-1])]
    return []


def _part(columns: Sequence[Sequence[int]]) -> bool:
    """Whether one line parts the columns of each meaning, so that both sides have all of them."""
    return all(columns) and max(one[0] for one in columns) < min(one[-1] for one in columns)


def _build_question(left: int, right: int) -> LayoutQuestion:
    return LayoutQuestion(
        "",
        JOINED_TABLES,
        f"Les colonnes {column_letters(left)} et {column_letters(right)} nomment toutes deux des écoles, chacune avec "
        "un nombre de licences : deux tableaux semblent côte à côte. Mettez une colonne vide entre eux et déposez le "
        "fichier de nouveau, ou confirmez que c'est un seul tableau.",
        (AnswerOption("one", "C'est un seul tableau : lire les colonnes choisies ci-dessous"),),
    )


def _list_uais(sample: Sequence[CellRow], index: int) -> set[str]:
    """Return the UAI in a column; none where it is no list of schools."""
    found = [
        cell_to_text(row[index]).upper()
        for row in sample
        if index < len(row) and isinstance(row[index], str) and classify_cell(row[index]) & CellType.UAI
    ]
    return set(found) if len(found) >= MIN_SCHOOLS and len(set(found)) >= MIN_OWN_SHARE * len(found) else set()
