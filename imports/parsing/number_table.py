"""The numbers of sampled rows by column, to tell parts, sums and numbers of other things. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from imports.formats.sheet_types import CellRow
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS, MIN_SHARE
from imports.parsing.cells import cell_to_text
from imports.parsing.column_titles import Title
from imports.parsing.number_titles import NumberTitle, describe_number_title
from imports.parsing.quantities import parse_quantity

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

    @property
    def examples(self) -> str:
        """The first numbers, for the member."""
        return ", ".join(map(str, self.counts[:MAX_SHOWN]))


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


def get_median(numbers: Sequence[int]) -> float:
    """Return the median, 0 of none."""
    return statistics.median(numbers) if numbers else 0.0
