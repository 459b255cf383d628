"""The interface of every format: named sheets whose rows can be iterated more than once.

Positions are (row from 1, column from 0) throughout this package.

Two kinds of cells read as empty and are not. A formula whose result is not in the file (written by openpyxl and many
exports): `(row, column) in sheet.uncomputed`. An error (#N/A, #DIV/0!…): `(row, column) in sheet.errors`. In a loop
over rows, test first whether the set is empty; in nearly every file it is. A row that holds nothing else is blank, with
no cells or empty ones, and still a row of the sheet.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

#: The value of a cell: text, number, date, boolean; "" where it is empty.
CellValue = Any
CellRow = list[CellValue]
#: Cells, each by its row (from 1) and column (from 0).
type CellPositions = frozenset[tuple[int, int]]


class CellColour(NamedTuple):
    """The colours of a cell, each as « FF0000 », "" for none: no fill or a white one, a font in black."""

    fill: str
    font: str


#: The cells with a colour, by position.
type CellColours = Mapping[tuple[int, int], CellColour]


#: The notes on cells, by position.
type CellNotes = Mapping[tuple[int, int], str]


class MergedRange(NamedTuple):
    """A range of merged cells, corners included; all but the top left one read as empty."""

    top: int
    left: int
    bottom: int
    right: int


class SheetMetadata(NamedTuple):
    """What a sheet holds beside its values."""

    merged: Sequence[MergedRange] = ()
    uncomputed: CellPositions = frozenset()
    errors: CellPositions = frozenset()
    hidden_rows: frozenset[int] = frozenset()
    struck: CellPositions = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    #: None for a format that cannot tell.
    read_colours: Callable[[], CellColours | None] | None = None
    notes: CellNotes = {}
    marked_digits: CellPositions = frozenset()


class WorkbookSheet(Protocol):
    """One sheet. Its first row is row 1, even where blank rows precede the table; its first column is column 0."""

    name: str
    #: Hidden by the author of the file.
    hidden: bool
    #: In the order of the file; empty for a format without merged cells.
    merged: Sequence[MergedRange]
    #: Formulas whose result is not in the file.
    uncomputed: CellPositions
    #: Cells that hold an error.
    errors: CellPositions
    #: Rows that a filter or the author hides; empty for a format that cannot tell.
    hidden_rows: frozenset[int]
    #: Cells whose text is struck through.
    struck: CellPositions
    #: Columns that the author hides.
    hidden_columns: frozenset[int]
    #: Notes (comments) on cells; empty for a format that cannot tell.
    notes: CellNotes
    #: Numbers of which some digits are struck through or raised, and are read as the others: « 5¹ » as 51.
    marked_digits: CellPositions

    def rows(self) -> Iterator[CellRow]:
        """Iterate over all rows from row 1, blank ones included; may be called again."""

    @property
    def height(self) -> int:
        """Number of rows that `rows` yields."""

    def read_colours(self) -> CellColours | None:
        """Return the colours of the cells, read from the file anew; None where they cannot be told.

        Raises `UnreadableFile` where the file is damaged there.
        """


class Workbook(Protocol):
    """An opened file: its sheets in order, at least one."""

    #: « xlsx » (and xlsm), « xlsb », « xls », « ods », « fods » or « csv » (and other texts).
    kind: str
    sheets: list[WorkbookSheet]
    #: Repairs made to the file, in French sentences for the member.
    remarks: list[str]
