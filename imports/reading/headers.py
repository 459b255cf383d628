"""Where the titles of a sheet stand: below banners and notes, in one line or two. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imports.meanings import Meaning
from imports.reading import cells
from imports.reading.contents import MOST_COLUMNS, Look, look_of
from imports.reading.titles import LONGEST_TITLE, Title, is_foreign, is_title_like, joined, meanings_of, says_plainly
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.readers.sheets import Area, Row

#: Titles are looked for among so many rows.
REACH = 80
#: What a title that says « UAI » counts, against one for any other.
WEIGHT_OF_UAI = 3
_YEAR = re.compile(r"(19|20)[0-9]{2}([ /-]+(19|20)?[0-9]{2})?")
#: Words of what stands above a table, and is no title of its columns.
_BANNER = frozenset(
    ("liste", "tableau", "document", "etat", "recapitulatif", "repartition", "recensement", "edition", "page", "mise")
)
_NUMBERING = re.compile(r"[(\[]?([0-9]{1,2}|[a-z]|[ivx]{1,4})[)\].]?", re.IGNORECASE)
_UNIT = re.compile(r"\(.{1,30}\)|\[.{1,30}\]|(en )?(nombre|nb|texte|euros?|€)|facultatif|obligatoire", re.IGNORECASE)


class Header(NamedTuple):
    """The titles of a table and the index of their (last) row, None where there are none."""

    row: int | None
    titles: list[Title]


def find_header(rows: Sequence[Row], merged: Sequence[Area] = ()) -> Header:
    """Return the titles of the table whose first rows these are."""
    lines = [_Line(row) for row in rows[:REACH]]
    first = next((index for index, line in enumerate(lines) if line.holds_uai), None)
    above = lines[: len(lines) if first is None else first]
    # Among equals with schools below, the nearest to them: what stands further up is a banner. Else the first: what
    # comes again further down is the same header once more.
    nearest = 1 if first is not None else -1
    best = max(range(len(above)), key=lambda index: (above[index].points, nearest * index), default=None)
    if best is not None and above[best].points:
        return _around(lines, best, merged)
    if first is not None:
        # Titles that say nothing stand just above the first school, if they are titles at all.
        index = next((i for i in range(first - 1, -1, -1) if lines[i].filled), None)
        if index is not None and lines[index].may_be_titles(width=len(lines[first].filled)):
            return Header(index, lines[index].titles())
    return Header(None, [])


def header_at(rows: Sequence[Row], index: int, merged: Sequence[Area] = ()) -> Header:
    """Return the titles of the row that a member chose, with those of the line above where it takes two."""
    lines = [_Line(row) for row in rows[max(0, index - 1) : index + 1]]
    if index and (titles := _two_lines(lines[0], lines[1], index, merged)):
        return Header(index, titles)
    return Header(index, lines[-1].titles())


def is_numbering(row: Row) -> bool:
    """Tell whether a row below the titles numbers the columns, « (1) (2) (3) », or says their units, « (nombre) »."""
    texts = [text for cell in row if (text := cells.text_of(cell))]
    if len(texts) < 2:  # noqa: PLR2004
        return False
    if all(_UNIT.fullmatch(text) for text in texts):
        return True
    numbers = [match[1].lower() for text in texts if (match := _NUMBERING.fullmatch(text))]
    if len(numbers) < len(texts):
        return False
    if all(number.isdecimal() for number in numbers):
        return len(numbers) > 2 and [int(number) for number in numbers] == list(  # noqa: PLR2004
            range(int(numbers[0]), int(numbers[0]) + len(numbers))
        )
    return len(numbers) > 2 and numbers == sorted(set(numbers))  # noqa: PLR2004


def _around(lines: Sequence[_Line], best: int, merged: Sequence[Area]) -> Header:
    """Return the header of which one line was found: with the other one, above or below, where there are two."""
    if best and (titles := _two_lines(lines[best - 1], lines[best], best, merged)):
        return Header(best, titles)
    if best + 1 < len(lines) and lines[best + 1].points_as_child(lines[best]):
        titles = _two_lines(lines[best], lines[best + 1], best + 1, merged)
        if titles:
            return Header(best + 1, titles)
    return Header(best, lines[best].titles())


class _Line:
    """One of the first rows of a sheet."""

    def __init__(self, row: Row) -> None:
        self._beyond = row[MOST_COLUMNS:]
        row = row[:MOST_COLUMNS]
        self.texts = [cells.text_of(cell) for cell in row]
        self.filled = [index for index, text in enumerate(self.texts) if text]
        looks = [look_of(row[index]) for index in self.filled]
        whole = [look for look, index in zip(looks, self.filled, strict=True) if len(self.texts[index]) <= 40]  # noqa: PLR2004
        #: A UAI within a sentence alone in its row is an example in a note.
        self.holds_uai = any(look & Look.UAI for look in whole) and (
            len(self.filled) > 1 or len(self.texts[self.filled[0]]) <= 12  # noqa: PLR2004
        )
        self.numbers = sum(
            isinstance(row[index], int | float) and not _YEAR.fullmatch(self.texts[index]) for index in self.filled
        )
        self.data = self.holds_uai or any(look & (Look.EMAIL | Look.PHONE | Look.DAMAGED_UAI) for look in looks)
        self.points = self._points()

    def _points(self) -> int:
        """Return how much the row looks like titles: one point a title, three for the UAI's.

        « Liste des écoles (RNE) » alone in its row is a banner, unless the table has one column.
        """
        if self.data or not self.filled or self.numbers * 2 > len(self.filled):
            return 0
        points = 0
        for index in self.filled:
            text = self.texts[index]
            if says_plainly(text):
                points += WEIGHT_OF_UAI if Meaning.UAI in meanings_of(Title(text)) else 1
        alone = len(self.filled) == 1
        if alone and (points < WEIGHT_OF_UAI or len(self.texts[self.filled[0]].split()) > 3):  # noqa: PLR2004
            # A single word that says « École » may be the title of the only column.
            return points if len(self.texts) == 1 and points else 0
        return points

    def titles(self) -> list[Title]:
        """Return the row's cells as titles, those of a very wide table included."""
        return [Title(text) for text in self.texts] + [Title(cells.text_of(cell)) for cell in self._beyond]

    def may_be_titles(self, width: int) -> bool:
        """Tell whether the row may be titles that say nothing to us, over rows of so many filled cells."""
        if self.data or self.numbers:
            return False
        postal = any(look_of(self.texts[index]) & (Look.POSTAL_CODE | Look.SCHOOL) for index in self.filled)
        return not postal and (len(self.filled) > 1 or width == 1)

    def points_as_child(self, parent: _Line) -> bool:
        """Tell whether the row may be the lower line of titles: short texts, not below every upper one."""
        if self.data or not self.filled or self.numbers:
            return False
        texts = [self.texts[index] for index in self.filled]
        if any(len(text) > LONGEST_TITLE for text in texts) or all(map(_UNIT.fullmatch, texts)):
            return False
        below, above = set(self.filled), set(parent.filled)
        said = sum(is_title_like(self.texts[index]) or bool(_YEAR.fullmatch(self.texts[index])) for index in below)
        return bool(above - below or below - above) and said * 2 > len(below)


def _two_lines(upper: _Line, lower: _Line, row: int, merged: Sequence[Area]) -> list[Title] | None:
    """Return the titles of two lines, None where the upper one is a banner, a note or another table's.

    `row`: index of the lower line, from 0; areas are numbered from 1.
    """
    if not upper.filled or not lower.filled or upper.data or upper.numbers or lower.data:
        return None
    if any(len(upper.texts[index]) > LONGEST_TITLE for index in upper.filled):
        return None
    width = max(len(upper.texts), len(lower.texts))
    above = upper.texts + [""] * (width - len(upper.texts))
    below = lower.texts + [""] * (width - len(lower.texts))
    spans = {area.left: area.right for area in merged if area.top <= row <= area.bottom and area.right > area.left}
    if any(right - left + 1 >= len(lower.filled) for left, right in spans.items() if len(upper.filled) == 1):
        return None  # one title over the whole table is its banner
    known = [bool(meanings_of(Title(above[i])) or is_foreign(Title(above[i])) or is_title_like(above[i]))
             for i in upper.filled]  # fmt: skip
    vertical = any(not below[index] and known[n] for n, index in enumerate(upper.filled))
    if {word for index in upper.filled for word in fold(above[index]).split()} & _BANNER and not vertical:
        return None
    parents = _parents(above, upper.filled, spans)
    titles = [joined(parent, child) if child else Title(upper_text)
              for parent, child, upper_text in zip(parents, below, above, strict=True)]  # fmt: skip
    inside = upper.filled[0] > lower.filled[0]
    spread = len(upper.filled) > 1 and any(not above[index] for index in lower.filled)
    # A line above that gives no title of its own and makes none clearer is none of the header's.
    gains = _said(titles) > _said([Title(child) for child in below])
    if vertical or gains or (any(known) and (spans or inside or spread)):
        return titles
    return None


def _parents(above: Sequence[str], filled: Sequence[int], spans: dict[int, int]) -> list[str]:
    """Return the upper title over each column: as far as its cell was merged, else as far as the next one."""
    parents = list(above)
    for place, index in enumerate(filled):
        end = spans.get(index)
        if end is None:
            following = filled[place + 1] - 1 if place + 1 < len(filled) else len(above) - 1
            end = index if spans else following
        for column in range(index, min(end, len(above) - 1) + 1):
            parents[column] = above[index]
    return parents


def _said(titles: Sequence[Title]) -> int:
    return len({meaning for title in titles if title.text for meaning in meanings_of(title)})
