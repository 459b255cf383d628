"""What every reader gives: named sheets whose rows can be gone through more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A cell as its format holds it: text, number, date, truth value; "" where it is empty.
Cell = Any
Row = list[Cell]


class Sheet(Protocol):
    """One sheet. Its first row is row 1, blank rows above the table included; its first column is column 0."""

    name: str

    def rows(self) -> Iterator[Row]:
        """Go through all rows from row 1, whether blank or not; may be called again."""

    @property
    def height(self) -> int:
        """Return how many rows `rows` gives."""


class Workbook(Protocol):
    """A file that was opened: its sheets in their order, never none."""

    kind: str
    sheets: list[Sheet]
