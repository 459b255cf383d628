"""Colours, notes and dropdown lists of cells with problems, and their removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from openpyxl.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill, Protection
from openpyxl.styles.colors import Color
from openpyxl.worksheet.worksheet import Worksheet

from core.workbook import WRAPPED
from imports.meanings import DECIDED_COLOUR, MARK_COLOURS, SEVERE_COLOUR, WARNING_COLOUR
from imports.workbooks.marks import MarkedProblem

AUTHOR = "Pep's"
_SEPARATOR = "— Pep's —"
#: More notes would slow spreadsheet programs down. The added column has the same text.
MAX_NOTES = 5_000
_NO_FILL = Color(indexed=64)


class NoteWriter:
    """Adds notes to a workbook, up to `MAX_NOTES`."""

    def __init__(self) -> None:
        self.left = MAX_NOTES

    def add(self, cell: Cell, sentences: Sequence[str]) -> None:
        """Add these sentences to the cell's note, below an existing one."""
        if not self.left:
            return
        self.left -= 1
        cell.comment = build_note(sentences, before=cell.comment)


def build_note(sentences: Sequence[str], *, before: Comment | None = None) -> Comment:
    """Return a note with these sentences, appended to an existing one."""
    text = "\n".join(sentences)
    height = 40 + 20 * sum(1 + len(sentence) // 40 for sentence in sentences)
    if before is None:
        return Comment(text, AUTHOR, height=height, width=300)
    return Comment(f"{before.text}\n{_SEPARATOR}\n{text}", before.author, height=height + 60, width=300)


def build_fill(colour: str, *, before: Any = None) -> PatternFill:
    """Return the fill of a marked cell, which keeps the original colour."""
    previous = before.fgColor if before is not None and before.fill_type == "solid" else _NO_FILL
    return PatternFill("solid", fgColor=colour, bgColor=copy(previous))


def colour_severe(cell: Cell) -> None:
    """Colour a cell with an error or a conflict."""
    cell.fill = build_fill(SEVERE_COLOUR, before=cell.fill)


def colour_warning(cell: Cell) -> None:
    """Colour a cell with a warning."""
    cell.fill = build_fill(WARNING_COLOUR, before=cell.fill)


def colour_decided(cell: Cell) -> None:
    """Colour a cell that a member corrected on the page."""
    cell.fill = build_fill(DECIDED_COLOUR, before=cell.fill)


def choose_colour(faults: Sequence[MarkedProblem]) -> Callable[[Cell], None]:
    """Return what colours a cell with these problems and decisions: the gravest counts."""
    if any(fault.severe for fault in faults):
        return colour_severe
    return colour_decided if all(fault.decided for fault in faults) else colour_warning


def wrap_text(cell: Cell) -> None:
    """Break the lines of an added text."""
    cell.alignment = WRAPPED


def unlock_cell(cell: Cell) -> None:
    """Unlock a cell in a protected sheet."""
    cell.protection = Protection(locked=False)


def remove_marks(sheet: Worksheet) -> None:
    """Remove the colours and notes of an earlier annotation."""
    for cell in sheet._cells.values():  # noqa: SLF001 - iterating rows would create cells
        if cell.has_style and cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb in MARK_COLOURS:
            previous = cell.fill.bgColor
            is_default = (
                previous.type == "indexed" and previous.indexed == _NO_FILL.indexed
            ) or previous.rgb == "00000000"
            cell.fill = PatternFill() if is_default else PatternFill("solid", fgColor=copy(previous))
        if cell.comment is not None:
            cell.comment = _without_our_note(cell.comment)


def _without_our_note(comment: Comment) -> Comment | None:
    if comment.author == AUTHOR:
        return None
    original, rule, _ = comment.text.partition(f"\n{_SEPARATOR}\n")
    return Comment(original, comment.author, height=comment.height, width=comment.width) if rule else comment
