"""Open a file as sheets of upright lists: what lies on its side is turned, what stands side by side is parted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from imports.formats.detection import open_workbook
from imports.meanings import LISTS_SHEET
from imports.parsing.column_mapping import column_letters
from imports.parsing.reshaped_sheets import take_columns
from imports.parsing.sheet_selection import SAMPLE_ROWS
from imports.parsing.side_by_side import find_blocks

if TYPE_CHECKING:
    from imports.formats.sheet_types import Workbook, WorkbookSheet


@dataclass
class ReshapedWorkbook:
    """A workbook with some of its sheets replaced, and others added at its end."""

    kind: str
    sheets: list[WorkbookSheet]
    remarks: list[str]


def open_tables(content: bytes) -> Workbook:
    """Open a file; its sheets are upright tables as far as their shape is known. Raises `UnreadableFile`."""
    workbook = open_workbook(content)
    reshaped = ReshapedWorkbook(workbook.kind, list(workbook.sheets), list(workbook.remarks))
    for index, sheet in enumerate(workbook.sheets):
        if sheet.name != LISTS_SHEET:
            _part_columns(reshaped, index, sheet)
    return reshaped


def _part_columns(reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet) -> None:
    """Make a sheet of each table side by side; the first of them takes the place of the sheet."""
    blocks = find_blocks(list(islice(sheet.rows(), SAMPLE_ROWS)), sheet.merged)
    if not blocks:
        return
    names = [f"{column_letters(block.left)} à {column_letters(block.right)}" for block in blocks]
    parts: list[WorkbookSheet] = [
        take_columns(
            sheet,
            f"{sheet.name} ({name})" if sheet.name else f"Colonnes {name}",
            block.left,
            None if block is blocks[-1] else block.right,
        )
        for block, name in zip(blocks, names, strict=True)
    ]
    reshaped.sheets[index : index + 1] = parts[:1]
    reshaped.sheets.extend(parts[1:])
    where = f"La feuille « {sheet.name} »" if sheet.name else "Ce fichier"
    reshaped.remarks.append(
        f"{where} porte {len(blocks)} tableaux côte à côte, lus comme autant de feuilles : colonnes "
        f"{', '.join(names[:-1])} et {names[-1]}."
    )
