"""Builds a sheet: rows with their expected results, merged areas, hidden columns."""

from typing import Any, NamedTuple

from bench.damaged.expectations import ExpectedMatch, ExpectedRow


class UncomputedFormula(NamedTuple):
    """A formula without a cached value."""

    text: str


class SheetBuilder:
    """Rows from 1, with the expected result of those that are not blank."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.rows: list[list[Any]] = []
        self.truth: dict[tuple[str, int], ExpectedRow] = {}
        #: Columns that are not shown, from 1.
        self.hidden: list[int] = []
        #: Areas as (first row, first column, last row, last column), all from 1.
        self.merged: list[tuple[int, int, int, int]] = []

    @property
    def height(self) -> int:
        """The number of the last row."""
        return len(self.rows)

    def add_unscored(self, *cells: Any) -> None:
        """Add a row outside the table, which is not scored; without cells, a blank row."""
        self.rows.append(list(cells))

    def add_ignored(self, *cells: Any) -> None:
        """Add a row inside the table that must be ignored."""
        self.rows.append(list(cells))
        self.truth[self.name, len(self.rows)] = ExpectedRow(ExpectedMatch.IGNORED)

    def row(self, truth: ExpectedRow, *cells: Any) -> None:
        """Add a row that refers to a school."""
        self.rows.append(list(cells))
        self.truth[self.name, len(self.rows)] = truth
