"""Recognise the row of titles at which another table of the same sheet begins. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning, is_added_title
from imports.parsing import cells
from imports.parsing.column_titles import Title, count_exact_meanings, match_meanings
from schools.folding import fold

#: With so many titles, others in the row may be unknown.
CERTAIN_TITLES = 3
#: One of these is among the titles of a table of schools.
_SCHOOL_MEANINGS = frozenset({Meaning.UAI, Meaning.NAME})
#: « École », « Élémentaire », « Ville » may be cells of a school as well.
_WORDS_OF_SCHOOLS = frozenset({Meaning.NAME, Meaning.KIND, Meaning.COMMUNE})


def begins_other_table(row: CellRow, titles: Sequence[Title]) -> bool:
    """Whether a row below the header holds titles of a table of schools, and not those of the header again.

    A title counts as repeated where the header has it in the same column.
    """
    # A fast first test: titles are texts, and the first of a row of data is hardly ever one.
    first = next((cell for cell in row if cell != ""), "")
    if not isinstance(first, str):
        return False
    texts = {index: text for index, cell in enumerate(row) if cell != "" and (text := cells.cell_to_text(cell))}
    texts = {index: text for index, text in texts.items() if not is_added_title(text)}
    if all(_repeats(text, titles[index] if index < len(titles) else Title("")) for index, text in texts.items()):
        return False
    return not any(isinstance(row[index], int | float) for index in texts) and bool(
        find_title_meanings(list(texts.values()))
    )


def find_title_meanings(texts: Sequence[str]) -> set[Meaning]:
    """Return the meanings of the titles of a table of schools, what names them and something about them; else none."""
    known = [text for text in texts if count_exact_meanings(text)]
    meanings = {meaning for text in known for meaning in match_meanings(Title(text))}
    if not meanings & _SCHOOL_MEANINGS or not meanings - _WORDS_OF_SCHOOLS:
        return set()
    are_titles = len(known) * 5 >= 4 * len(texts) or (len(known) * 2 > len(texts) and len(meanings) >= CERTAIN_TITLES)
    return meanings if are_titles else set()


def take_table(rows: Iterable[CellRow], titles: Sequence[Title]) -> Iterator[CellRow]:
    """Iterate over the rows below a header, up to the titles of another table.

    Titles right below the header are left with it: a second header row that was not joined.
    """
    is_empty = True
    for row in rows:
        if not is_empty and begins_other_table(row, titles):
            return
        is_empty = is_empty and not any(row)
        yield row


class NumberedRows:
    """The rows of a sheet with their numbers, from 1, that can be looked at before they are read."""

    def __init__(self, rows: Iterable[CellRow]) -> None:
        self._rows = iter(enumerate(rows, start=1))
        self._ahead: deque[tuple[int, CellRow]] = deque()
        #: The row that was read last.
        self.last: tuple[int, CellRow] = (0, [])

    def __iter__(self) -> Iterator[tuple[int, CellRow]]:
        return self

    def __next__(self) -> tuple[int, CellRow]:
        self.last = self._ahead.popleft() if self._ahead else next(self._rows)
        return self.last

    def look_ahead(self) -> Iterator[CellRow]:
        """Iterate over the rows that are still to be read, without reading them."""
        for position in range(len(self._ahead)):
            yield self._ahead[position][1]
        for numbered in self._rows:
            self._ahead.append(numbered)
            yield numbered[1]


def _repeats(text: str, title: Title) -> bool:
    return fold(text) in {fold(title.text), fold(title.parent), fold(title.child)}
