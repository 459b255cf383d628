"""Workbooks whose cells a library holds in memory: sheets of them, with mojibake repaired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from imports.formats.encodings import MOJIBAKE_REPAIRED, has_mojibake, repair_mojibake
from imports.formats.exceptions import empty
from imports.formats.sheet_types import CellColours, CellRow, SheetMetadata, WorkbookSheet

#: Rows searched for mojibake.
_SAMPLE_ROWS = 400


class LoadedSheet:
    """A sheet held by a library; Python objects are created row by row."""

    def __init__(
        self,
        name: str,
        read_rows: Callable[[], Iterable[CellRow]],
        filled_rows: int,
        *,
        hidden: bool,
        metadata: SheetMetadata,
    ) -> None:
        """`read_rows`: returns its first `filled_rows` rows, from row 1, each time."""
        self.name = name
        self.hidden = hidden
        self.merged = metadata.merged
        self.uncomputed, self.errors = metadata.uncomputed, metadata.errors
        self.hidden_rows, self.hidden_columns = metadata.hidden_rows, metadata.hidden_columns
        self.struck, self._read_colours = metadata.struck, metadata.read_colours
        self._read_rows, self._filled_rows = read_rows, filled_rows
        #: A text file was opened in the wrong encoding, and saved as a workbook.
        self._is_damaged = False
        # Up to the last row with a value or a formula, blank rows above the table included.
        self.height: int = max(filled_rows, max((row for row, _ in metadata.uncomputed), default=0))

    def rows(self) -> Iterator[CellRow]:
        """Iterate over all rows; blank columns left of the table are included."""
        rows = self._read_rows()
        if self._is_damaged:
            rows = ([repair_mojibake(cell) if type(cell) is str else cell for cell in row] for row in rows)
        yield from rows
        for _ in range(self._filled_rows, self.height):
            yield []

    def read_colours(self) -> CellColours | None:
        """Return the colours of the cells; None for a format that cannot tell, or too many cells."""
        return None if self._read_colours is None else self._read_colours()

    def detect_mojibake(self) -> bool:
        """Return whether this sheet has mojibake; if so, `rows` repairs it from now on."""
        head = islice(self.rows(), _SAMPLE_ROWS)
        self._is_damaged = any(has_mojibake(cell) for row in head for cell in row if type(cell) is str)
        return self._is_damaged


class LoadedWorkbook:
    """An opened workbook: .xlsx, .xlsb, .xls, .ods or .fods."""

    def __init__(self, kind: str, sheets: Sequence[LoadedSheet]) -> None:
        """Raise `UnreadableFile` where all sheets are empty."""
        self.kind = kind
        if not any(sheet.height for sheet in sheets):
            raise empty()
        damaged_sheets = [sheet for sheet in sheets if sheet.detect_mojibake()]
        self.remarks = [MOJIBAKE_REPAIRED] if damaged_sheets else []
        self.sheets: list[WorkbookSheet] = [*sheets]
