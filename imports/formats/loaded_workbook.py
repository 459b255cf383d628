"""Workbooks whose cells a library holds in memory: sheets of them, with mojibake repaired."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import python_calamine

from imports.formats import limits
from imports.formats.encodings import MOJIBAKE_REPAIRED, has_mojibake, repair_mojibake
from imports.formats.exceptions import UnreadableFile, damaged, empty, encrypted, too_many_cells, too_many_sheets
from imports.formats.sheet_types import CellColours, CellRow, MergedRange, SheetMetadata, WorkbookSheet

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
        self.notes, self.marked_digits = metadata.notes, metadata.marked_digits
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


def read_sheets(content: bytes, metadata_of: Callable[[int, str], SheetMetadata | None]) -> list[LoadedSheet]:
    """Return the sheets of a workbook. Raises `UnreadableFile` where calamine cannot read it.

    `metadata_of`: what calamine does not show, by index and name; None where the sheet is to be skipped.
    """
    try:
        return _read_sheets(content, metadata_of)
    except (UnreadableFile, MemoryError):
        raise
    except python_calamine.PasswordError as error:
        raise encrypted() from error
    except BaseException as error:
        # Rust panics on malformed files derive from `BaseException`; interrupts must still propagate.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise damaged() from error
        raise


def read_named_sheets(content: bytes, metadata: Mapping[str, SheetMetadata]) -> list[LoadedSheet]:
    """Return the worksheets of these names. Raises `UnreadableFile` where calamine cannot read each of them."""
    sheets = read_sheets(content, lambda _, name: metadata.get(name))
    if len(sheets) != len(metadata):
        raise damaged()
    return sheets


def _read_sheets(content: bytes, metadata_of: Callable[[int, str], SheetMetadata | None]) -> list[LoadedSheet]:
    workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    wanted = [
        (sheet_info, metadata)
        for at, sheet_info in enumerate(workbook.sheets_metadata)
        if (metadata := metadata_of(at, sheet_info.name)) is not None
    ]
    if len(wanted) > limits.MAX_SHEETS:
        raise too_many_sheets(len(wanted), limits.MAX_SHEETS)
    if len({sheet_info.name for sheet_info, _ in wanted}) < len(wanted):
        # The first would be read in place of the others.
        raise damaged()
    sheets: list[LoadedSheet] = []
    cells = 0
    for sheet_info, metadata in wanted:
        sheet = workbook.get_sheet_by_name(sheet_info.name)
        cells += sheet.height * sheet.width
        if cells > limits.MAX_CELLS:
            raise too_many_cells()
        hidden = sheet_info.visible != python_calamine.SheetVisibleEnum.Visible
        sheets.append(_load_sheet(sheet, hidden=hidden, metadata=metadata))
    return sheets


def _load_sheet(sheet: Any, *, hidden: bool, metadata: SheetMetadata) -> LoadedSheet:
    merged = [
        MergedRange(top + 1, left, bottom + 1, right)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or []  # None for an .ods and an .xlsb
    ]
    margin: CellRow = [""] * (sheet.start[1] if sheet.start else 0)

    def read_rows() -> Iterable[CellRow]:
        if sheet.end is None:
            return ()
        rows: Iterable[CellRow] = sheet.iter_rows()
        return ([*margin, *row] for row in rows) if margin else rows

    return LoadedSheet(
        sheet.name,
        read_rows,
        sheet.end[0] + 1 if sheet.end else 0,
        hidden=hidden,
        metadata=metadata._replace(merged=metadata.merged or merged),
    )
