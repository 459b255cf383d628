"""Find the header row of a sheet, or the two header rows, and where another table begins. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from imports import cells
from imports.cells import CellType
from imports.columns import NAMING_COLUMNS, Meaning, is_added_title
from imports.formats.sheet_types import CellRow, MergedRange
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS, classify_cell
from imports.parsing.column_titles import (
    MAX_TITLE_LENGTH,
    Title,
    count_exact_meanings,
    describe_number_title,
    is_level,
    is_title_like,
    is_unrelated,
    join_titles,
    match_meanings,
)
from schools.folding import fold

#: With so many titles, others in the row may be unknown.
CERTAIN_TITLES = 3
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
    if not meanings & NAMING_COLUMNS or not meanings - _WORDS_OF_SCHOOLS:
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

    def __iter__(self) -> Iterator[tuple[int, CellRow]]:
        return self

    def __next__(self) -> tuple[int, CellRow]:
        return self._ahead.popleft() if self._ahead else next(self._rows)

    def look_ahead(self) -> Iterator[CellRow]:
        """Iterate over the rows that are still to be read, without reading them."""
        for position in range(len(self._ahead)):
            yield self._ahead[position][1]
        for numbered in self._rows:
            self._ahead.append(numbered)
            yield numbered[1]


def _repeats(text: str, title: Title) -> bool:
    return fold(text) in {fold(title.text), fold(title.parent), fold(title.child)}


#: Rows searched for the header; those below a letter of more rows must be plainly titles.
MAX_HEADER_ROWS = 80
#: Score of a UAI title; any other scores 1.
UAI_WEIGHT = 3
_YEAR = re.compile(r"(19|20)[0-9]{2}([ /-]+(19|20)?[0-9]{2})?")
#: Words of a banner above the header.
_BANNER_WORDS = frozenset(
    ("liste", "tableau", "document", "etat", "recapitulatif", "repartition", "recensement", "edition", "page", "mise")
)
_COLUMN_NUMBER = re.compile(r"[(\[]?([0-9]{1,2}|[a-z]|[ivx]{1,4})[)\].]?", re.IGNORECASE)
_UNIT = re.compile(r"\(.{1,30}\)|\[.{1,30}\]|(en )?(nombre|nb|texte|euros?|€)|facultatif|obligatoire", re.IGNORECASE)


class Header(NamedTuple):
    """The titles of a sheet and the index of their (last) row, None where there are none."""

    row: int | None
    titles: list[Title]


def find_header(rows: Sequence[CellRow], merged: Sequence[MergedRange] = ()) -> Header:
    """Return the header among the first rows of a sheet."""
    candidates = [_CandidateRow(row) for row in rows[:MAX_HEADER_ROWS]]
    first = next((index for index, line in enumerate(candidates) if line.holds_uai), None)
    above = candidates[: len(candidates) if first is None else first]
    # Among equals with schools below, the nearest to them: those further up are banners. Else the first: those further
    # down are repetitions.
    nearest = 1 if first is not None else -1
    best = max(range(len(above)), key=lambda index: (above[index].score, nearest * index), default=None)
    if best is not None and above[best].score:
        return _complete_header(candidates, _find_first_table(candidates, best), merged)
    if first is not None:
        # Titles without a known meaning are just above the first school.
        index = next((i for i in range(first - 1, -1, -1) if candidates[i].filled), None)
        if index is not None and candidates[index].may_be_titles(width=len(candidates[first].filled)):
            return Header(index, candidates[index].titles())
    return Header(None, []) if first is not None else _find_deep_header(rows, merged)


def _find_deep_header(rows: Sequence[CellRow], merged: Sequence[MergedRange]) -> Header:
    """Return the first titles of a table of schools further down."""
    for index in range(MAX_HEADER_ROWS, len(rows)):
        texts = [text for cell in rows[index] if (text := cells.cell_to_text(cell))]
        if len(texts) > 1 and find_title_meanings(texts):
            top = index - 1
            near = [area._replace(top=area.top - top, bottom=area.bottom - top) for area in merged]
            header = read_header_below(rows[top : index + 2], 1, near)
            return Header(top + (header.row or 0), header.titles)
    return Header(None, [])


def read_header(rows: Sequence[CellRow], index: int, merged: Sequence[MergedRange] = ()) -> Header:
    """Return the header at the row that a member chose, joined with the row above where there are two header rows."""
    candidates = [_CandidateRow(row) for row in rows[max(0, index - 1) : index + 1]]
    if index and (titles := _join_rows(candidates[0], candidates[1], index, merged)):
        return Header(index, titles)
    return Header(index, _name_covered(candidates[-1].titles(), index, merged))


def read_header_below(rows: Sequence[CellRow], index: int, merged: Sequence[MergedRange] = ()) -> Header:
    """Return the header of which one row was found at this index, joined with a second row above or below it.

    `rows`: a few of the sheet's; `merged`: counted from the first of them.
    """
    return _complete_header([_CandidateRow(row) for row in rows], index, merged)


def is_numbering_row(row: CellRow) -> bool:
    """Whether a row below the header numbers the columns, « (1) (2) (3) », or has their units, « (nombre) »."""
    texts = [text for cell in row if (text := cells.cell_to_text(cell))]
    if len(texts) < 2:  # noqa: PLR2004
        return False
    if all(_UNIT.fullmatch(text) for text in texts):
        return True
    numbers = [match[1].lower() for text in texts if (match := _COLUMN_NUMBER.fullmatch(text))]
    if len(numbers) < len(texts):
        return False
    if all(number.isdecimal() for number in numbers):
        return len(numbers) > 2 and [int(number) for number in numbers] == list(  # noqa: PLR2004
            range(int(numbers[0]), int(numbers[0]) + len(numbers))
        )
    return len(numbers) > 2 and numbers == sorted(set(numbers))  # noqa: PLR2004


def _find_first_table(candidates: Sequence[_CandidateRow], best: int) -> int:
    """Return the index of the titles of a table of schools above the best ones, else theirs."""
    for index, line in enumerate(candidates[:best]):
        meanings = set() if line.has_data or line.numbers else find_title_meanings([line.texts[i] for i in line.filled])
        if not meanings:
            continue
        between = [other for other in candidates[index + 1 : best] if len(other.filled) > 1]
        is_located = bool(meanings & {Meaning.UAI, Meaning.COMMUNE, Meaning.POSTAL_CODE})
        # A summary of maternelles and élémentaires above the list is none.
        if any(other.names_school or (is_located and other.numbers) for other in between):
            return index
    return best


def _complete_header(candidates: Sequence[_CandidateRow], best: int, merged: Sequence[MergedRange]) -> Header:
    """Return the header of which one row was found, joined with a second row above or below it."""
    if best and (titles := _join_rows(candidates[best - 1], candidates[best], best, merged)):
        return Header(best, titles)
    if best + 1 < len(candidates) and candidates[best + 1].may_be_lower_row(
        candidates[best], _list_covered(best, merged)
    ):
        titles = _join_rows(candidates[best], candidates[best + 1], best + 1, merged)
        if titles:
            return Header(best + 1, titles)
    return Header(best, _name_covered(candidates[best].titles(), best, merged))


def _list_covered(row: int, merged: Sequence[MergedRange]) -> set[int]:
    """Return the columns below the titles of a row that are merged over several columns. `row`: its index, from 0."""
    spans = [area for area in merged if area.top <= row + 1 <= area.bottom and area.right > area.left]
    return {index for area in spans for index in range(area.left, min(area.right, MAX_SAMPLED_COLUMNS) + 1)}


def _name_covered(titles: list[Title], row: int, merged: Sequence[MergedRange]) -> list[Title]:
    """Return the titles of a row, those that a title merged over several columns covers with it as their parent.

    `row`: its index, from 0; merged ranges count from 1.
    """
    named = list(titles)
    for area in merged:
        if area.top <= row + 1 <= area.bottom and area.left < len(titles) and titles[area.left].text:
            for index in range(area.left + 1, min(area.right + 1, len(titles))):
                if not titles[index].text:
                    named[index] = Title("", titles[area.left].text)
    return named


class _CandidateRow:
    """One of the first rows of a sheet."""

    def __init__(self, row: CellRow) -> None:
        self._beyond = row[MAX_SAMPLED_COLUMNS:]
        row = row[:MAX_SAMPLED_COLUMNS]
        self.texts = [cells.cell_to_text(cell) for cell in row]
        self.filled = [index for index, text in enumerate(self.texts) if text]
        cell_types = [classify_cell(row[index]) for index in self.filled]
        short_types = [
            cell_type
            for cell_type, index in zip(cell_types, self.filled, strict=True)
            if len(self.texts[index]) <= 40  # noqa: PLR2004
        ]
        #: A UAI within a sentence, alone in its row, is an example in a note.
        self.holds_uai = any(cell_type & CellType.UAI for cell_type in short_types) and (
            len(self.filled) > 1 or len(self.texts[self.filled[0]]) <= 12  # noqa: PLR2004
        )
        self.numbers = sum(
            isinstance(row[index], int | float) and not _YEAR.fullmatch(self.texts[index]) for index in self.filled
        )
        self.has_data = self.holds_uai or any(
            cell_type & (CellType.EMAIL | CellType.PHONE | CellType.DAMAGED_UAI) for cell_type in cell_types
        )
        self.names_school = self.has_data or any(
            cell_type & CellType.SCHOOL and not cell_type & CellType.KIND for cell_type in short_types
        )
        self.score = self._score()

    def _score(self) -> int:
        """Return how likely the row is a header: 1 per title, 3 for the UAI's.

        « Liste des écoles (RNE) » alone in its row is a banner, unless the sheet has one column.
        """
        if self.has_data or not self.filled or self.numbers * 2 > len(self.filled):
            return 0
        score = 0
        for index in self.filled:
            text = self.texts[index]
            if count_exact_meanings(text):
                score += UAI_WEIGHT if Meaning.UAI in match_meanings(Title(text)) else 1
        alone = len(self.filled) == 1
        if alone and (score < UAI_WEIGHT or len(self.texts[self.filled[0]].split()) > 3):  # noqa: PLR2004
            # A single title may be that of the only column.
            return score if len(self.texts) == 1 and score else 0
        return score

    def titles(self) -> list[Title]:
        """Return all cells as titles, including those beyond `MAX_SAMPLED_COLUMNS`."""
        return [Title(text) for text in self.texts] + [Title(cells.cell_to_text(cell)) for cell in self._beyond]

    def may_be_titles(self, width: int) -> bool:
        """Whether the row may be unknown titles above rows of `width` filled cells."""
        if self.has_data or self.numbers:
            return False
        looks_like_data = any(
            classify_cell(self.texts[index]) & (CellType.POSTAL_CODE | CellType.SCHOOL) for index in self.filled
        )
        return not looks_like_data and (len(self.filled) > 1 or width == 1)

    def may_be_lower_row(self, parent: _CandidateRow, covered: Collection[int]) -> bool:
        """Whether the row may be the second header row: short texts, not below every upper title.

        Whatever they say, where a merged title covers them all, and below one of numbers: « Licences » / « rendues ».
        """
        if self.has_data or not self.filled or self.numbers:
            return False
        texts = [self.texts[index] for index in self.filled]
        if any(len(text) > MAX_TITLE_LENGTH for text in texts) or all(map(_UNIT.fullmatch, texts)):
            return False
        below, above = set(self.filled), set(parent.filled)
        if len(above) > 1 and len(below) > 1 and below <= set(covered):
            return True
        counting = {
            index
            for index in above & below
            if describe_number_title(Title(parent.texts[index])).counted is not None
            and any(map(str.isalpha, self.texts[index]))
            and not isinstance(cells.parse_quantity(self.texts[index]), int)
        }
        title_like = sum(
            index in counting
            or is_title_like(self.texts[index])
            or is_level(self.texts[index])
            or bool(_YEAR.fullmatch(self.texts[index]))
            for index in below
        )
        return bool(above - below or below - above) and title_like * 2 > len(below)


def _join_rows(
    upper: _CandidateRow, lower: _CandidateRow, row: int, merged: Sequence[MergedRange]
) -> list[Title] | None:
    """Return the titles of two header rows, None where the upper one is a banner, a note or of another table.

    `row`: index of the lower row, from 0; merged ranges count from 1.
    """
    if not upper.filled or not lower.filled or upper.has_data or upper.numbers or lower.has_data:
        return None
    if any(len(upper.texts[index]) > MAX_TITLE_LENGTH for index in upper.filled):
        return None
    width = max(len(upper.texts), len(lower.texts))
    above = upper.texts + [""] * (width - len(upper.texts))
    below = lower.texts + [""] * (width - len(lower.texts))
    spans = {area.left: area.right for area in merged if area.top <= row <= area.bottom and area.right > area.left}
    if any(right - left + 1 >= len(lower.filled) for left, right in spans.items() if len(upper.filled) == 1):
        return None  # one title over all columns is a banner
    known = [bool(match_meanings(Title(above[i])) or is_unrelated(Title(above[i])) or is_title_like(above[i]))
             for i in upper.filled]  # fmt: skip
    vertical = any(not below[index] and known[n] for n, index in enumerate(upper.filled))
    if {word for index in upper.filled for word in fold(above[index]).split()} & _BANNER_WORDS and not vertical:
        return None
    parents = _parent_titles(above, below, upper.filled, spans)
    titles = [join_titles(parent, child) if child else Title(upper_text)
              for parent, child, upper_text in zip(parents, below, above, strict=True)]  # fmt: skip
    titles = _name_covered(titles, row - 1, merged)
    inside = upper.filled[0] > lower.filled[0]
    spread = len(upper.filled) > 1 and any(not above[index] for index in lower.filled)
    # An upper row that adds no title and clarifies none is not part of the header.
    adds_meaning = _count_meanings(titles) > _count_meanings([Title(child) for child in below])
    if vertical or adds_meaning or (any(known) and (spans or inside or spread)):
        return titles
    return None


def _parent_titles(
    above: Sequence[str], below: Sequence[str], filled: Sequence[int], spans: dict[int, int]
) -> list[str]:
    """Return the upper title of each column: across its merged cells, else up to the next title, if it has one below.

    With nothing below, it is the title of its own column.
    """
    parents = list(above)
    for position, index in enumerate(filled):
        end = spans.get(index)
        if end is None:
            following = filled[position + 1] - 1 if position + 1 < len(filled) else len(above) - 1
            end = index if spans or not below[index] else following
        for column in range(index, min(end, len(above) - 1) + 1):
            parents[column] = above[index]
    return parents


def _count_meanings(titles: Sequence[Title]) -> int:
    return len({meaning for title in titles if title.text for meaning in match_meanings(title)})


def compute_header_digest(titles: Sequence[str]) -> str:
    """Return a digest of the titles, "" where there are none.

    Columns added by annotating a workbook are left out, so that its digest does not change.
    """
    folded = ["" if is_added_title(title) else fold(title) for title in titles]
    while folded and not folded[-1]:
        folded.pop()
    return hashlib.sha256("\n".join(folded).encode()).hexdigest() if any(folded) else ""
