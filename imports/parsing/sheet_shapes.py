"""Open a file as sheets of upright lists: what lies on its side is turned, what stands side by side is parted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from imports.formats.detection import open_workbook
from imports.formats.sheet_types import CellRow, Workbook, WorkbookSheet
from imports.meanings import LISTS_SHEET
from imports.parsing.column_mapping import column_letters
from imports.parsing.reshaped_sheets import list_forms, take_columns, turn
from imports.parsing.sheet_selection import SAMPLE_ROWS
from imports.parsing.side_by_side import find_blocks
from imports.parsing.stacked_forms import are_forms, collect_forms, read_lines
from imports.parsing.turned_tables import lies_on_its_side


@dataclass
class ReshapedWorkbook:
    """A workbook with some of its sheets replaced, and others added at its end."""

    kind: str
    sheets: list[WorkbookSheet]
    remarks: list[str]


def open_tables(content: bytes) -> Workbook:
    """Open a file; its sheets are upright lists as far as their shape is known. Raises `UnreadableFile`."""
    workbook = open_workbook(content)
    reshaped = ReshapedWorkbook(workbook.kind, list(workbook.sheets), list(workbook.remarks))
    turned: list[str] = []
    for index, sheet in enumerate(workbook.sheets):
        if sheet.name == LISTS_SHEET:
            continue
        rows = list(islice(sheet.rows(), SAMPLE_ROWS))
        if are_forms(rows):
            _list_forms(reshaped, index, sheet)
        elif lies_on_its_side(rows):
            reshaped.sheets[index] = turn(sheet, f"{sheet.name} (tournée)".strip(), rows)
            turned.append(f"« {sheet.name} »" if sheet.name else "ce fichier")
        else:
            _part_columns(reshaped, index, sheet, rows)
    if turned:
        reshaped.remarks.append(
            f"Tableau couché, une école par colonne : {', '.join(turned)}. Il est lu tourné : la ligne 2 est la "
            "colonne B du fichier, la ligne 3 la colonne C, et ainsi de suite."
        )
    return reshaped


def _list_forms(reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet) -> None:
    filled = collect_forms(read_lines(sheet.rows()))
    reshaped.sheets[index] = list_forms(sheet, f"{sheet.name} (en liste)".strip(), filled)
    reshaped.remarks.append(
        f"{_name_place(sheet)} est faite de {len(filled) - 1} formulaires l'un sous l'autre. Chacun est lu comme une "
        "ligne de tableau, celle où il finit : vérifiez qu'aucune école ne manque."
    )


def _name_place(sheet: WorkbookSheet) -> str:
    return f"La feuille « {sheet.name} »" if sheet.name else "La feuille"


def _part_columns(reshaped: ReshapedWorkbook, index: int, sheet: WorkbookSheet, rows: list[CellRow]) -> None:
    """Make a sheet of each table side by side; the first of them takes the place of the sheet."""
    blocks = find_blocks(rows, sheet.merged)
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
    reshaped.remarks.append(
        f"{_name_place(sheet)} porte {len(blocks)} tableaux côte à côte, lus comme autant de feuilles : colonnes "
        f"{', '.join(names[:-1])} et {names[-1]}."
    )
