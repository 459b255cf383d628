"""Choose between the columns that give a number of licences or classes: one of them, or the sum of several. Pure.

Counts of the levels of a school, « CP » to « CM2 », are added up. What is asked for and what is granted, or the numbers
of two years, are a question.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from imports.cells import cell_to_text, parse_quantity
from imports.columns import MIN_SHARE, NUMBER_COLUMNS, Meaning
from imports.formats.sheet_types import CellRow
from imports.layout import NO_COLUMN, AnswerOption, LayoutQuestion
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS
from imports.parsing.column_mapping import ColumnMapping, SampledTable, column_letters, join_names
from imports.parsing.column_titles import (
    NumberTitle,
    Part,
    Title,
    describe_number_title,
    is_about_pupils,
    is_generic,
    may_be_number_of,
    names_total,
)

#: Share of the rows in which a total must be the sum of its parts: totals contain slips.
MIN_SUM_SHARE = 0.9
#: Fewer rows are equal to a sum by chance.
MIN_SUM_ROWS = 2
#: Sample cells of a column in an answer.
MAX_SHOWN = 3


class NumberColumn(NamedTuple):
    """A column of numbers: its position from 0, what its title says, and its number in each row, None for none."""

    position: int
    title: Title
    described: NumberTitle
    numbers: list[int | None]

    @property
    def counts(self) -> list[int]:
        """The numbers without the gaps."""
        return [number for number in self.numbers if number is not None]


def list_number_columns(titles: Sequence[Title], sample: Sequence[CellRow]) -> dict[int, NumberColumn]:
    """Return the columns with a title that hold numbers, by index."""
    found = {}
    for index, title in enumerate(titles[:MAX_SAMPLED_COLUMNS]):
        if not title.text and not title.parent:
            continue
        cells = [row[index] if index < len(row) else "" for row in sample]
        filled = sum(1 for cell in cells if cell_to_text(cell))
        parsed = [parse_quantity(cell) if cell != "" else None for cell in cells]
        numbers = [number if isinstance(number, int) else None for number in parsed]
        if filled and len(numbers) - numbers.count(None) >= MIN_SHARE * filled:
            found[index] = NumberColumn(index, title, describe_number_title(title), numbers)
    return found


def is_sum(total: NumberColumn, parts: Sequence[NumberColumn]) -> bool:
    """Whether the numbers of a column are the sums of those of others."""
    rows = [
        (number, sum(part for part in row if part is not None))
        for number, *row in zip(total.numbers, *(part.numbers for part in parts), strict=True)
        if number is not None and any(part is not None for part in row)
    ]
    hits = sum(number == added for number, added in rows)
    return len(parts) > 1 and hits >= MIN_SUM_ROWS and hits >= MIN_SUM_SHARE * len(rows)


def never_overlap(one: Sequence[NumberColumn], other: Sequence[NumberColumn]) -> bool:
    """Whether no row has numbers other than 0 in both groups of columns."""
    rows = zip(*(column.numbers for column in (*one, *other)), strict=True)
    return not any(any(row[: len(one)]) and any(row[len(one) :]) for row in rows)


def add_numbers(parts: Sequence[NumberColumn]) -> list[int]:
    """Return the sums of the rows that have a number in one of the columns."""
    rows = ([part for part in row if part is not None] for row in zip(*(p.numbers for p in parts), strict=True))
    return [sum(row) for row in rows if row]


def show_numbers(numbers: Sequence[int]) -> str:
    """Return the first numbers, for the member."""
    return ", ".join(map(str, numbers[:MAX_SHOWN]))


def get_median(numbers: Sequence[int]) -> float:
    """Return the median, 0 of none."""
    return statistics.median(numbers) if numbers else 0.0


#: Of one level: more are pupils.
MAX_LEVEL_CLASSES = 10
#: Code of the question whether levels are classes.
LEVELS = "level_columns"


class _Group(NamedTuple):
    """Columns that give one number together or instead of each other."""

    parts: list[NumberColumn]
    #: Columns under one title, by that title; the others are not under any.
    runs: dict[str, list[NumberColumn]] = {}


def choose_number_columns(mapping: ColumnMapping, table: SampledTable) -> ColumnMapping:
    """Return the mapping with one column, or the sum of several, for each number; or with a question."""
    table = table._replace(titles=_name_untitled(table.titles))
    taken = {index for meaning, index in mapping.columns.items() if meaning not in NUMBER_COLUMNS}
    found = list_number_columns(table.titles, table.sample)
    numbers = {index: column for index, column in found.items() if index not in taken}
    copied = mapping._replace(
        columns=dict(mapping.columns), questions=list(mapping.questions), sums={}, remarks=list(mapping.remarks)
    )
    chooser = _Chooser(copied, table, numbers)
    for meaning in NUMBER_COLUMNS:
        chooser.choose(meaning)
    chooser.ask_levels()
    return chooser.mapping


@dataclass(frozen=True)
class _Chooser:
    """Replaces the columns of numbers in a mapping."""

    mapping: ColumnMapping
    table: SampledTable
    numbers: Mapping[int, NumberColumn]

    def choose(self, meaning: Meaning) -> None:
        """Settle which column or sum gives a number, or ask."""
        group = self._drop_hidden(self._find_merged(meaning) or self._find_flat(meaning))
        index = self.table.chosen.get(meaning)
        if group is None or (index is not None and index not in {part.position for part in group.parts}):
            return
        parts = _drop_duplicates(group.parts, index)
        total = self._find_total(meaning, parts)
        counted = [part for part in parts if part is not total]
        is_mapped = meaning is Meaning.CLASSES and meaning in self.mapping.columns
        if is_mapped and group.runs and all(map(_is_stage, counted)):
            return  # of « Maternelle » and « Élémentaire », the mapping has the one that counts
        if len(parts) == 1:
            self._take(meaning, parts)
        elif total is not None and is_sum(total, counted):
            self._take(meaning, [total])
        else:
            self._ask(meaning, group._replace(parts=[*counted, total] if total is not None else parts), total)

    def ask_levels(self) -> None:
        """Ask whether columns « CP » to « CM2 » without a common title count classes, where nothing else does."""
        asked = {question.column for question in self.mapping.questions}
        # The first of the columns that were added up was chosen by that answer.
        first = self.table.answers.get(LEVELS, "").split("+")[0]
        given = {
            meaning: index for meaning, index in self.table.chosen.items() if index is not None
        } | self.mapping.columns
        others = {meaning for meaning, index in given.items() if column_letters(index) != first}
        if not (asked | others).isdisjoint(NUMBER_COLUMNS):
            return
        levels = [
            column
            for column in self.numbers.values()
            if column.described.part is Part.LEVEL
            and column.described.counted in (None, Meaning.CLASSES)
            and not is_about_pupils(column.title)
        ]
        if len(levels) < 2 or all(map(_is_flag, levels)):  # noqa: PLR2004
            return
        if max(number for part in levels for number in part.counts) > MAX_LEVEL_CLASSES:
            return
        options = [
            *_sum_options(_Group(levels), None),
            AnswerOption(NO_COLUMN, "Ne pas les lire : elles comptent autre chose"),
        ]
        if all(part.described.counted is Meaning.CLASSES for part in levels) and _are_one_whole(levels):
            self._settle(Meaning.CLASSES, levels, options, options[0].value)
            return
        question = LayoutQuestion(
            Meaning.CLASSES,
            LEVELS,
            f"Les colonnes {_name_all(levels)} comptent-elles les classes de chaque niveau ?",
            tuple(options),
        )
        self._record(question, levels)

    def _find_merged(self, meaning: Meaning) -> _Group | None:
        """Return the columns under one or more titles that span several columns."""
        runs: dict[str, list[NumberColumn]] = {}
        titles = self.table.titles
        for name, group in groupby(range(len(titles)), lambda index: titles[index].parent or titles[index].text):
            indexes = list(group)
            columns = [self.numbers[index] for index in indexes if index in self.numbers]
            columns = [column for column in columns if _belongs(column, meaning)]
            # Two columns of the same title stand under none.
            is_run = len(indexes) > 1 and bool(titles[indexes[1]].parent)
            if is_run and columns and may_be_number_of(meaning, Title(name)):
                runs.setdefault(name, []).extend(columns)
        parts = [part for run in runs.values() for part in run]
        return _Group(parts, runs) if len(parts) > 1 else None

    def _find_flat(self, meaning: Meaning) -> _Group | None:
        """Return the columns whose own titles speak of this number."""
        candidates = set(self.mapping.candidates.get(meaning, ()))
        if meaning is Meaning.UNITS:
            candidates |= {i for i, column in self.numbers.items() if column.described.counted is meaning}
            given = candidates | {self.mapping.columns.get(meaning, -1)}
            if any(index in self.numbers and _is_status(self.numbers[index]) for index in given):
                candidates = given | {i for i, column in self.numbers.items() if _is_status(column)}
        parts = [column for index, column in self.numbers.items() if index in candidates]
        return _Group(parts) if len(parts) > 1 else None

    def _drop_hidden(self, group: _Group | None) -> _Group | None:
        """Return the columns without the hidden ones that have a visible one of the same kind beside them."""
        hidden = self.table.hidden
        if group is None or not hidden:
            return group
        shown = {part.described.part for part in group.parts if part.position not in hidden} & _ALIKE

        def keep(parts: Iterable[NumberColumn]) -> list[NumberColumn]:
            return [
                part for part in parts if part.position not in self.table.hidden or part.described.part not in shown
            ]

        runs = {name: kept for name, run in group.runs.items() if (kept := keep(run))}
        return _Group(keep(group.parts), runs)

    def _find_total(self, meaning: Meaning, parts: Sequence[NumberColumn]) -> NumberColumn | None:
        """Return the only column of the whole, among the parts or beside them."""
        inside = [part for part in parts if part.described.part is Part.WHOLE]
        if inside:
            return inside[0] if len(inside) == 1 else None
        if any(part.described.part is not Part.LEVEL for part in parts):
            return None
        after = self.numbers.get(max(part.position for part in parts) + 1)
        if after is None or after.described.part is not Part.WHOLE or not names_total(after.title):
            return None
        return after if after.described.counted in (None, meaning) else None

    def _ask(self, meaning: Meaning, group: _Group, total: NumberColumn | None) -> None:
        sums = [] if len(group.runs) > 1 else _sum_options(group, total)
        if total is not None:
            group = group._replace(parts=[total, *(part for part in group.parts if part is not total)])
        options = [*_run_options(group), *sums, *_single_options(group.parts)]
        certain = sums and total is None and _are_one_whole(group.parts)
        default = sums[0].value if certain else self._find_default(meaning, options)
        self._settle(meaning, group.parts, options, default)

    def _find_default(self, meaning: Meaning, options: Sequence[AnswerOption]) -> str:
        """Return the option of the column that the member chose, unless it may stand for a sum that begins with it."""
        index = self.table.chosen.get(meaning)
        letters = "" if index is None else column_letters(index)
        values = [option.value for option in options]
        return letters if letters in values and not any(v.startswith(f"{letters}+") for v in values) else ""

    def _settle(
        self, meaning: Meaning, parts: Sequence[NumberColumn], options: Sequence[AnswerOption], default: str
    ) -> None:
        question = LayoutQuestion(
            meaning,
            "ambiguous_column",
            f"Plusieurs colonnes peuvent donner « {meaning.label} » : {_name_all(parts)}. Choisissez ce qu'il faut "
            "lire.",
            tuple(options),
            default,
        )
        self._record(question, parts)

    def _record(self, question: LayoutQuestion, parts: Sequence[NumberColumn]) -> None:
        """Keep the question, and the columns of its answer."""
        question = question.answered_by(self.table.answers)
        meaning = Meaning(question.column)
        self.mapping.questions[:] = [q for q in self.mapping.questions if q.column != meaning]
        self.mapping.questions.append(question)
        taken = {part.position for part in parts}
        for number in NUMBER_COLUMNS:
            if self.mapping.columns.get(number) in taken:
                del self.mapping.columns[number]
        if question.answer not in ("", NO_COLUMN):
            letters = question.answer.split("+")
            self._take(meaning, [part for part in parts if column_letters(part.position) in letters])

    def _take(self, meaning: Meaning, parts: Sequence[NumberColumn]) -> None:
        """Map a number to a column, or to the sum of several."""
        columns, indexes = self.mapping.columns, tuple(part.position for part in parts)
        for other in set(NUMBER_COLUMNS) - {meaning}:
            # A generic « Total » of classes is no number of licences.
            if columns.get(other) in indexes:
                del columns[other]
        columns[meaning] = indexes[0]
        self.mapping.questions[:] = [q for q in self.mapping.questions if q.column != meaning or q.options]
        if len(parts) > 1:
            self.mapping.sums[meaning] = indexes
            self.mapping.remarks.append(
                f"« {meaning.label} » est la somme des colonnes {_name_all(parts)} : la case de chaque école en "
                "montre le détail."
            )


#: Two columns of one of these kinds give one number twice; two levels or others do not.
_ALIKE = frozenset({Part.WHOLE, Part.YEAR, Part.PAST, Part.GRANTED, Part.REQUESTED})


def _name_untitled(titles: Sequence[Title]) -> list[Title]:
    """Return the titles, those that are missing after one of licences or classes with it as their parent.

    A title merged over several columns is followed by blank ones in a text file.
    """
    named = list(titles)
    for index in range(1, len(named)):
        before = named[index - 1]
        if not named[index].text and not named[index].parent and describe_number_title(before).counted is not None:
            named[index] = Title("", before.parent or before.text)
    return named


def _belongs(column: NumberColumn, meaning: Meaning) -> bool:
    """Whether a column under a title of licences or classes counts them, and not pupils or another thing."""
    described = column.described
    is_part = described.part is not Part.OTHER or not column.title.child
    return described.counted is meaning or (described.counted is None and is_part)


def _drop_duplicates(parts: Iterable[NumberColumn], chosen: int | None) -> list[NumberColumn]:
    """Return the columns without those equal to the chosen or to an earlier one; equal levels are none."""
    kept: list[NumberColumn] = []
    for part in sorted(parts, key=lambda part: (part.position != chosen, part.position)):
        if part.described.part is Part.LEVEL or all(part.numbers != other.numbers for other in kept):
            kept.append(part)
    return sorted(kept, key=lambda part: part.position)


def _is_status(column: NumberColumn) -> bool:
    """Whether a column says what is asked for, or granted."""
    return column.described.part in (Part.GRANTED, Part.REQUESTED) and (
        column.described.counted is Meaning.UNITS or is_generic(column.title)
    )


def _is_flag(column: NumberColumn) -> bool:
    """Whether a column says by 0 and 1 whether a school has something, « ULIS », and counts nothing."""
    described = column.described
    one_level = described.stage and not described.is_cycle
    return described.counted is None and not one_level and set(column.counts) <= {0, 1}


def _is_stage(part: NumberColumn) -> bool:
    described = part.described
    return described.part is Part.LEVEL and described.is_cycle and bool(described.stage)


def _are_one_whole(parts: Sequence[NumberColumn]) -> bool:
    """Whether the columns are levels of a school that have nothing in common, so that their sum is its number."""
    if any(part.described.part is not Part.LEVEL for part in parts):
        return False
    if len({part.described.is_cycle for part in parts}) > 1:
        return False
    nursery = [part for part in parts if part.described.stage == "nursery"]
    others = [part for part in parts if part.described.stage != "nursery"]
    return not nursery or not others or never_overlap(nursery, others)


def _sum_options(group: _Group, total: NumberColumn | None) -> list[AnswerOption]:
    """Return the sum of all parts, where it makes sense."""
    parts = [part for part in group.parts if part is not total]
    # Columns without titles of their own, below the one that covers them, may be parts of it.
    summable = {Part.LEVEL, Part.OTHER, *([Part.WHOLE] if group.runs else [])}
    if len(parts) < 2 or any(part.described.part not in summable for part in parts):  # noqa: PLR2004
        return []
    return [_sum_option(parts)]


def _run_options(group: _Group) -> list[AnswerOption]:
    """Return the sum of the levels under each of several titles: « Licences accordées » over two cycles."""
    if len(group.runs) < 2:  # noqa: PLR2004
        return []
    granted_first = sorted(group.runs, key=lambda name: describe_number_title(Title(name)).part is not Part.GRANTED)
    sums = [group.runs[name] for name in granted_first]
    return [_sum_option(run) for run in sums if len(run) > 1 and _are_one_whole(run)]


def _single_options(parts: Sequence[NumberColumn]) -> list[AnswerOption]:
    """Return each column alone: what is granted first, then the latest year."""
    ordered = sorted(parts, key=lambda part: (part.described.part is not Part.GRANTED, -part.described.year))
    return [
        AnswerOption(column_letters(part.position), f"{_name(part)}, par exemple {show_numbers(part.counts)}")
        for part in ordered
    ]


def _sum_option(parts: Sequence[NumberColumn]) -> AnswerOption:
    return AnswerOption(
        "+".join(column_letters(part.position) for part in parts),
        f"Additionner {_name_all(parts)}, par exemple {show_numbers(add_numbers(parts))}",
    )


def _name(part: NumberColumn, *, short: bool = False) -> str:
    title = (part.title.child if short else "") or part.title.text or part.title.parent
    return f"« {' '.join(title.split())} » ({column_letters(part.position)})"


def _name_all(parts: Sequence[NumberColumn]) -> str:
    """Return the names of columns, without the title that they have in common."""
    short = len({part.title.parent for part in parts}) == 1
    return join_names([_name(part, short=short) for part in parts])
