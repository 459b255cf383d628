"""What every reader gives: named sheets whose rows can be gone through more than once.

Positions are those that a spreadsheet shows, columns counted from 0: (row from 1, column from 0), everywhere here.

Two kinds of cells read as empty and are not. A formula whose result is not in the file (openpyxl writes such, and so do
many exports): `(row, column) in sheet.uncomputed`. An error (#N/A, #DIV/0!…): `(row, column) in sheet.errors`. Where
there are many rows, ask first whether the set holds anything at all; in nearly every file it does not. A row that holds
nothing else is blank, with no cells or empty ones, and still a row of the sheet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A cell as its format holds it: text, number, date, truth value; "" where it is empty.
Cell = Any
Row = list[Cell]
#: Cells, each by its row (from 1) and column (from 0).
type Places = frozenset[tuple[int, int]]


class Area(NamedTuple):
    """Cells that were merged into one, its corners included; all but the top left one read as empty."""

    top: int
    left: int
    bottom: int
    right: int


class Seen(NamedTuple):
    """What was seen of a sheet while it was checked; `merged` is None where its reader tells it."""

    merged: list[Area] | None = None
    uncomputed: Places = frozenset()
    errors: Places = frozenset()


class Sheet(Protocol):
    """One sheet. Its first row is row 1, blank rows above the table included; its first column is column 0."""

    name: str
    #: Whoever made the file hid it.
    hidden: bool
    #: In the order of the file; empty where there are none, and where the format has none.
    merged: list[Area]
    #: Formulas whose result is not in the file.
    uncomputed: Places
    #: Cells that hold an error.
    errors: Places

    def rows(self) -> Iterator[Row]:
        """Go through all rows from row 1, whether blank or not; may be called again."""

    @property
    def height(self) -> int:
        """Return how many rows `rows` gives."""


class Workbook(Protocol):
    """A file that was opened: its sheets in their order, never none."""

    #: « xlsx » (and xlsm), « xls », « ods » or « csv » (and other texts).
    kind: str
    sheets: list[Sheet]
    #: What was put right in the whole file, in sentences for its owner.
    remarks: list[str]
