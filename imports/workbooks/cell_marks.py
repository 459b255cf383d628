"""Colours, notes and dropdown lists of cells with problems, and their removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill, Protection
from openpyxl.styles.colors import Color
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from core.worksheet_cells import WRAPPED, build_text_cell
from imports.columns import LISTS_SHEET
from imports.formats.xlsx import (
    DECIDED_COLOUR,
    MARK_COLOURS,
    NOTE_AUTHOR,
    NOTE_SEPARATOR,
    SEVERE_COLOUR,
    WARNING_COLOUR,
)
from imports.workbooks.marks import MarkedProblem

if TYPE_CHECKING:
    from openpyxl.styles.cell_style import StyleArray


class StyleCache:
    """The changes made to the cells of one workbook, each computed once for each style that cells had before."""

    def __init__(self) -> None:
        self._changed: dict[tuple[Callable[[Cell], None], tuple[int, ...]], StyleArray] = {}

    def apply(self, change: Callable[[Cell], None], cell: Cell) -> None:
        """Have a cell changed. `change`: sets attributes of its style by nothing but that style."""
        # openpyxl has no public way to copy a cell's whole style. Saves 5 s of 12 where 60,000 rows are marked.
        styled: Any = cell
        before = change, tuple(styled._style or ())  # noqa: SLF001
        known = self._changed.get(before)
        if known is None:
            change(cell)
            self._changed[before] = copy(styled._style)  # noqa: SLF001
        else:
            styled._style = copy(known)  # noqa: SLF001


# Dropdown lists of proposed schools in cells.
#
# Each set of proposals is one row of a hidden sheet. A single validation rule per column looks it up by the text of the
# column « Propositions », so that rows may be sorted, moved and deleted.

#: Length up to which spreadsheet programs compare texts in a lookup.
MAX_KEY_LENGTH = 250
_FORMULA = (
    "OFFSET({sheet}!$C$1,MATCH(LEFT(${letter}{row},{key}),{sheet}!$A:$A,0)-1,0,1,"
    "INDEX({sheet}!$B:$B,MATCH(LEFT(${letter}{row},{key}),{sheet}!$A:$A,0)))"
)


class ChoiceLists:
    """Sets of proposals of a workbook."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._sets: dict[str, Sequence[str]] = {}
        if LISTS_SHEET in book.sheetnames:
            del book[LISTS_SHEET]

    def offer(self, text: str, proposals: Sequence[str]) -> None:
        """Add a set, keyed by its text in the column « Propositions »."""
        if proposals:
            self._sets.setdefault(text[:MAX_KEY_LENGTH], proposals)

    def attach(self, sheet: Worksheet, first: int, top: int, bottom: int) -> None:
        """Add the validation rule to the choice column. `first`: index of the first added column."""
        choices = get_column_letter(first + 3)
        rule = build_validation(get_column_letter(first + 2), top)
        area = f"{choices}{top}:{choices}{max(top, bottom)}"
        for old in [old for old in sheet.data_validations.dataValidation if LISTS_SHEET in (old.formula1 or "")]:
            sheet.data_validations.dataValidation.remove(old)
        rule.add(area)
        sheet.data_validations.append(rule)

    def write(self) -> None:
        """Write the hidden sheet."""
        if not self._sets:
            return
        sheet = self._book.create_sheet(LISTS_SHEET)
        sheet.sheet_state = "hidden"
        for text, proposals in self._sets.items():
            sheet.append(
                [
                    build_text_cell(sheet, text),
                    len(proposals),
                    *(build_text_cell(sheet, proposal) for proposal in proposals),
                ]
            )


def build_validation(letter: str, row: int) -> DataValidation:
    """Return the rule that looks its list up by the column `letter`; `row`: first row it applies to."""
    return DataValidation(
        type="list",
        formula1=_FORMULA.format(sheet=LISTS_SHEET, letter=letter, row=row, key=MAX_KEY_LENGTH),
        allow_blank=True,
        # The UAI of another school may be typed.
        showErrorMessage=False,
        showInputMessage=True,
        promptTitle="Votre choix",
        prompt="Choisissez dans la liste, ou tapez l'UAI de l'école.",
    )


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
        return Comment(text, NOTE_AUTHOR, height=height, width=300)
    return Comment(f"{before.text}\n{NOTE_SEPARATOR}\n{text}", before.author, height=height + 60, width=300)


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
    if comment.author == NOTE_AUTHOR:
        return None
    original, rule, _ = comment.text.partition(f"\n{NOTE_SEPARATOR}\n")
    return Comment(original, comment.author, height=comment.height, width=comment.width) if rule else comment
