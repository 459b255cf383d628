"""Sheets of an .xlsx, .xlsb or .ods, as python-calamine reads them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import python_calamine

from imports.formats import limits
from imports.formats.exceptions import UnreadableFile, damaged, encrypted, too_many_cells, too_many_sheets
from imports.formats.loaded_workbook import LoadedSheet
from imports.formats.sheet_types import CellRow, MergedRange, SheetMetadata


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
