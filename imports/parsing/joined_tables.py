"""Tables side by side in one sheet: parted by a blank column, or two schools a row. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby, pairwise
from typing import NamedTuple

from imports.cells import CellType, cell_to_text
from imports.columns import NAMING_COLUMNS, NUMBER_COLUMNS, Meaning
from imports.formats.sheet_types import CellRow, MergedRange
from imports.layout import AnswerOption, LayoutQuestion
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS, classify_cell
from imports.parsing.column_mapping import column_letters, join_names
from imports.parsing.column_titles import Part, Title, describe_number_title, is_level, match_meanings
from imports.parsing.headers import find_header, find_title_meanings
from imports.parsing.number_columns import is_sum, list_number_columns
from imports.title_patterns import ALIASES
from schools.folding import fold

JOINED_TABLES = "joined_tables"
PAIRS, ONE = "pairs", "one"
#: In a list, hardly a school stands twice; « UAI du collège » repeats few.
MIN_OWN_SHARE = 0.9
#: A table has at least a name and a number.
MIN_COLUMNS = 2
#: The share of the cells of a column of schools that are names.
MIN_NAMES = 0.5
#: Numbers of these kinds are no two halves of one row: what is asked for, and what is granted.
_STATUSES = frozenset({Part.GRANTED, Part.REQUESTED, Part.YEAR})
_WORDS = re.compile(r"[^\W_]+")


class TablePart(NamedTuple):
    """One of several tables side by side."""

    #: Its columns, from 0, in order; some of them may be those of the others as well.
    columns: tuple[int, ...]
    #: Those that are its own. A row where they are blank, and another table's are not, is none of this table.
    own: tuple[int, ...]
    #: Its titles without what tells them apart from those of the other tables: « UAI » for « UAI mat. ».
    titles: Mapping[int, str] = {}
    #: The level of all of its schools, where only titles say it.
    kind: str = ""

    @property
    def letters(self) -> str:
        """Its own columns, « A à C », or « A et C »."""
        letters = list(map(column_letters, self.own))
        if self.own[-1] - self.own[0] == len(self.own) - 1:
            return f"{letters[0]} à {letters[-1]}"
        return join_names(letters)


class JoinedTables(NamedTuple):
    """Tables side by side in one sheet, from the left."""

    parts: Sequence[TablePart]
    #: The indexes of the row, or the two rows, of their titles.
    title_rows: range = range(0)
    #: The columns that name their schools, where they are two schools a row.
    schools: Sequence[int] = ()
    #: Whether each of the tables is certain; else they are asked about.
    is_clear: bool = True

    def take_rows(self, part: TablePart, rows: Iterable[CellRow]) -> Iterator[CellRow]:
        """Iterate over the rows of a table, with its titles; over a blank one where the row is another table's."""
        others = {column for other in self.parts for column in other.own}.difference(part.own)
        for number, row in enumerate(rows):
            cells = [row[column] if column < len(row) else "" for column in part.columns]
            is_own = _is_filled(row, part.own)
            if not is_own and _is_filled(row, others):
                cells = []
            elif number in self.title_rows:
                cells = [part.titles.get(column, cell) for column, cell in zip(part.columns, cells, strict=True)]
            if part.kind and is_own and number >= self.title_rows[-1]:
                cells.append(Meaning.KIND.label if number in self.title_rows else part.kind)
            yield cells

    def ask(self) -> LayoutQuestion:
        """Return the question whether the tables are several, or one."""
        schools = join_names(list(map(column_letters, self.schools)))
        each = "toutes deux" if len(self.schools) == 2 else "toutes"  # noqa: PLR2004
        columns = join_names([part.letters for part in self.parts])
        return LayoutQuestion(
            "",
            JOINED_TABLES,
            f"Les colonnes {schools} nomment {each} des écoles, chacune avec un nombre de licences "
            f"ou de classes : faut-il lire {len(self.parts)} écoles par ligne ?",
            (
                AnswerOption(PAIRS, f"Oui : lire ensemble les colonnes {columns}"),
                AnswerOption(ONE, "Non, c'est un seul tableau : lire les colonnes choisies ci-dessous"),
            ),
        )


def find_joined_tables(rows: Sequence[CellRow], merged: Sequence[MergedRange] = ()) -> JoinedTables | None:
    """Return the tables side by side in a sheet, None where there is only one. `rows`: its first ones."""
    width = min(max(map(len, rows), default=0), MAX_SAMPLED_COLUMNS)
    header = find_header(rows, merged)
    titles = [*header.titles[:width], *[Title("")] * (width - len(header.titles))]
    filled = _find_filled_columns(rows, width)
    if header.row is not None and (pairs := _PairFinder(titles, rows[header.row + 1 :]).find(filled)) is not None:
        return pairs._replace(title_rows=range(header.row - any(title.parent for title in titles), header.row + 1))
    # Without numbers, a banner over each of them may say that the second is about the first.
    lefts = _find_repetitions([fold(title.text) for title in titles]) or _find_tables_beside(rows, filled)
    if len(lefts) < 2:  # noqa: PLR2004
        return None
    parts = []
    for left, end in zip([0, *lefts[1:]], [*lefts[1:], width], strict=True):
        columns = tuple(range(left, max(index for index in range(left, end) if filled[index]) + 1))
        parts.append(TablePart(columns, columns))
    return JoinedTables(parts)


def find_rival_names(titles: Sequence[Title], sample: Sequence[CellRow]) -> list[int]:
    """Return the columns that name the schools of each level, or one after the other: « École 1 », « École 2 »."""
    finder = _PairFinder(titles, sample)
    words = {index: finder.words[index] for index in range(len(titles)) if finder.list_names(index)}
    common = frozenset.intersection(*words.values()) if words else frozenset()
    labels = {index: " ".join(own - common) for index, own in words.items()}
    rivals = [index for index, label in labels.items() if label and (is_level(label) or len(label) == 1)]
    return rivals if len(rivals) > 1 else []


def _is_filled(row: CellRow, columns: Collection[int]) -> bool:
    return any(column < len(row) and row[column] != "" for column in columns)


def _find_repetitions(texts: Sequence[str]) -> list[int]:
    """Return the first column of each table, where the same titles come again: « UAI, École, UAI, École »."""
    start = next((index for index, text in enumerate(texts) if text), len(texts))
    period = next((i - start for i in range(start + MIN_COLUMNS, len(texts)) if texts[i] == texts[start]), 0)
    names = list(texts[start : start + period])
    if not any(match_meanings(Title(name)).keys() & NAMING_COLUMNS for name in names if name):
        return []
    # The last of them may lack the blank column behind.
    while names and not names[-1]:
        names.pop()
    lefts = [start]
    while texts[lefts[-1] + period : lefts[-1] + period + len(names)] == names:
        lefts.append(lefts[-1] + period)
    return lefts if len(lefts) > 1 else []


def _find_tables_beside(rows: Sequence[CellRow], filled: Sequence[bool]) -> list[int]:
    """Return the first column of each table, where blank columns part tables with titles of their own."""
    groups = [[index for index, _ in group] for is_filled, group in groupby(enumerate(filled), lambda one: one[1])
              if is_filled]  # fmt: skip
    if len(groups) == 1:
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
    return bool(below) and not find_title_meanings(texts).isdisjoint(NUMBER_COLUMNS)


class _Side(NamedTuple):
    """The columns of one of several schools in each row, and the words of their titles that say which it is."""

    columns: tuple[int, ...]
    label: frozenset[str]


class _PairFinder:
    """Finds two schools or more in each row: columns that name schools, each with a number of its own."""

    def __init__(self, titles: Sequence[Title], sample: Sequence[CellRow]) -> None:
        self._titles = titles
        self._sample = sample
        self.words = [_split_title(title.text) for title in titles]
        self._numbers = {
            index: meaning for index, title in enumerate(titles) if (meaning := _find_number_meaning(title)) is not None
        }

    def find(self, filled: Sequence[bool]) -> JoinedTables | None:
        if len(self._numbers) < 2:  # noqa: PLR2004
            return None
        width = range(len(self._titles))
        coded = {index: uais for index in width if (uais := self._list_uais(index))}
        listed = coded or {index: names for index in width if (names := self.list_names(index))}
        anchors = [index for index in listed if all(filled[min(listed) : index])]
        if len(anchors) < 2 or any(listed[one] & listed[other] for one, other in combinations(anchors, 2)):  # noqa: PLR2004
            return None
        sides = self._align(anchors) or self._group_by_label(anchors)
        if sides and self._are_alike([side.columns for side in sides]):
            parts = self._build_parts(sides, by_name=not coded)
            return JoinedTables(parts, schools=anchors, is_clear=not self._gives_other_number(sides))
        return self._part_by_line(anchors[0], anchors[1])

    def _list_uais(self, index: int) -> set[str]:
        """Return the UAI in a column; none where it is no list of schools."""
        found = [
            cell.upper().strip()
            for row in self._sample
            if index < len(row) and isinstance(cell := row[index], str) and classify_cell(cell) & CellType.UAI
        ]
        return _take_distinct(found)

    def list_names(self, index: int) -> set[str]:
        """Return the names of schools in a column, with its level; none where it is no list of schools."""
        title = self._titles[index].text
        if Meaning.NAME not in match_meanings(self._titles[index]) and not is_level(title):
            return set()
        filled = [row[index] for row in self._sample if index < len(row) and row[index] != ""]
        # A nursery school has the name of the elementary school beside it.
        level = " ".join(word for word in self.words[index] if is_level(word))
        names = [
            f"{fold(cell_to_text(cell))} {level}"
            for cell in filled
            if classify_cell(cell) & (CellType.TEXT | CellType.SCHOOL)
        ]
        return _take_distinct(names) if len(names) >= MIN_NAMES * len(filled) else set()

    def _align(self, anchors: Sequence[int]) -> list[_Side]:
        """Return the sides whose columns come in the same order, with titles alike."""
        period = anchors[1] - anchors[0]
        if period < MIN_COLUMNS or any(index != anchors[0] + n * period for n, index in enumerate(anchors)):
            return []
        for start in range(max(anchors[0] - period + 1, 0), anchors[0] + 1):
            starts = range(start, start + len(anchors) * period, period)
            columns = [range(left, left + period) for left in starts if left + period <= len(self._titles)]
            if len(columns) == len(anchors) and (labels := self._find_labels(columns)) is not None:
                return [_Side(tuple(side), label) for side, label in zip(columns, labels, strict=True)]
        return []

    def _find_labels(self, sides: Sequence[Sequence[int]]) -> tuple[frozenset[str], ...] | None:
        """Return the words that tell each side apart, none where titles are the same; None where they are not alike."""
        places = set()
        for columns in zip(*sides, strict=True):
            words = [self.words[index] for index in columns]
            places.add(tuple(own - frozenset.intersection(*words) for own in words))
        same = (frozenset[str](),) * len(sides)
        labels = next(iter(places - {same}), same)
        # « UAI, Licences, UAI du collège, Licences »: the one school may be about the other.
        is_partial = not all(labels) and labels != same and same in places
        return None if len(places - {same}) > 1 or is_partial else labels

    def _group_by_label(self, anchors: Sequence[int]) -> list[_Side]:
        """Return the sides whose titles all say which it is: « UAI mat. », « UAI élém. », « Classes mat. »."""
        common = frozenset.intersection(*(self.words[index] for index in anchors))
        labels = [self.words[index] - common for index in anchors]
        sides = []
        for label in labels:
            others = [other for other in labels if other is not label]
            if not label or any(other <= label for other in others):
                return []
            own = [n for n, words in enumerate(self.words) if label <= words and not any(o <= words for o in others)]
            sides.append(_Side(tuple(own), label))
        return sides

    def _are_alike(self, sides: Sequence[Sequence[int]]) -> bool:
        """Whether each side has a number, or more, of the same kinds."""
        numbers = [[index for index in side if index in self._numbers] for side in sides]
        meanings = {tuple(self._numbers[index] for index in side) for side in numbers}
        parts = {tuple(describe_number_title(self._titles[index]).part for index in side) for side in numbers}
        return (
            all(numbers)
            and len(meanings) == 1
            and (len(parts) == 1 or _STATUSES.isdisjoint(part for side in parts for part in side))
        )

    def _gives_other_number(self, sides: Sequence[_Side]) -> bool:
        """Whether a number of licences or classes is of no side, and not the sum of theirs."""
        columns = list_number_columns(self._titles, self._sample)
        taken = {index for side in sides for index in side.columns}
        numbers = [columns[index] for index in self._numbers if index in columns]
        parts = [column for column in numbers if column.position in taken]
        return any(column.position not in taken and not is_sum(column, parts) for column in numbers)

    def _build_parts(self, sides: Sequence[_Side], *, by_name: bool) -> list[TablePart]:
        firsts, last = [side.columns[0] for side in sides], max(side.columns[-1] for side in sides)
        apart = all(one.columns[-1] < other.columns[0] for one, other in pairwise(sides))
        # Between the columns of a side and those of the next one, a column is the side's.
        owns = (
            [tuple(range(*ends)) for ends in pairwise([*firsts, last + 1])] if apart else [one.columns for one in sides]
        )
        taken = {index for own in owns for index in own}.union(self._numbers)
        shared = [index for index in range(len(self._titles)) if index not in taken]
        return [
            TablePart(
                tuple(sorted((*shared, *own))),
                own,
                {index: _remove_words(self._titles[index].text, side.label) for index in own if side.label},
                " ".join(sorted(side.label)) if by_name and is_level(" ".join(side.label)) else "",
            )
            for side, own in zip(sides, owns, strict=True)
        ]

    def _part_by_line(self, left: int, right: int) -> JoinedTables | None:
        """Return the tables on both sides of a line, each with a school and a number; None without one."""
        communes = [i for i, title in enumerate(self._titles) if Meaning.COMMUNE in match_meanings(title)]
        for meaning in NUMBER_COLUMNS:
            numbers = [index for index, counted in self._numbers.items() if counted is meaning]
            pairs = [one for one in ([left, right], numbers, communes) if len(one) > 1]
            start, cut = (min(one[end] for one in pairs) for end in (0, -1))
            if numbers in pairs and (
                left < numbers[0] < right < numbers[-1] or numbers[0] < left < numbers[-1] < right
            ):
                owns = (range(start, cut), range(cut, len(self._titles)))
                parts = [TablePart((*range(start), *own), tuple(own)) for own in owns]
                return JoinedTables(parts, schools=(left, right), is_clear=False)
        return None


def _find_number_meaning(title: Title) -> Meaning | None:
    """Return whether a title counts licences or classes, those of nursery schools included."""
    counted = describe_number_title(title).counted
    unnumbered = Title(" ".join(word for word in title.text.split() if not word.isdecimal()))
    return counted or next((meaning for meaning in NUMBER_COLUMNS if meaning in match_meanings(unnumbered)), None)


def _take_distinct(found: Sequence[str]) -> set[str]:
    return set(found) if len(set(found)) >= MIN_OWN_SHARE * len(found) else set()


def _split_title(text: str) -> frozenset[str]:
    return frozenset(ALIASES.get(word, word) for word in fold(text).split())


def _remove_words(text: str, label: frozenset[str]) -> str:
    """Return a title without the words of a label; « École » where it has no other."""
    return " ".join(word for word in _WORDS.findall(text) if not _split_title(word) <= label) or "École"
