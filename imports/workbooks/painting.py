"""The colour of a faulty cell and the note that says why; and how both are taken back, leaving what was there before.

What a cell's own fill was is kept where a solid fill has no use for it: in its second colour.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from openpyxl.comments import Comment
from openpyxl.styles import PatternFill, Protection
from openpyxl.styles.colors import Color

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

#: Light red, for errors and conflicts; light amber, for warnings. No usual palette has just these.
GRAVE, SLIGHT = "FFFFC9C4", "FFFFE7A3"
AUTHOR = "Pep's"
_RULE = "— Pep's —"
#: Beyond so many, notes make a spreadsheet program crawl. What they say stands in the added column as well.
MOST_NOTES = 5_000
_NONE = Color(indexed=64)


class Notes:
    """The notes that are added to a workbook, up to a number that it can bear."""

    def __init__(self) -> None:
        self.left = MOST_NOTES

    def add(self, cell: Cell, sentences: Sequence[str]) -> None:
        """Say it on the cell, below what was noted there already."""
        if not self.left:
            return
        self.left -= 1
        cell.comment = note(sentences, before=cell.comment)


def note(sentences: Sequence[str], *, before: Comment | None = None) -> Comment:
    """Return a note that says these sentences, after the one that was there."""
    text = "\n".join(sentences)
    height = 40 + 20 * sum(1 + len(sentence) // 40 for sentence in sentences)
    if before is None:
        return Comment(text, AUTHOR, height=height, width=300)
    return Comment(f"{before.text}\n{_RULE}\n{text}", before.author, height=height + 60, width=300)


def fill(*, grave: bool, before: Any = None) -> PatternFill:
    """Return the colour of a faulty cell, which remembers the one that the cell had."""
    was = before.fgColor if before is not None and before.fill_type == "solid" else _NONE
    return PatternFill("solid", fgColor=GRAVE if grave else SLIGHT, bgColor=copy(was))


def paint(cell: Cell, *, grave: bool) -> None:
    """Colour a faulty cell."""
    cell.fill = fill(grave=grave, before=cell.fill)


def open_for_typing(cell: Cell) -> None:
    """Let a cell be filled in where the sheet is protected."""
    cell.protection = Protection(locked=False)


def clean(sheet: Worksheet) -> None:
    """Take back the colours and the notes that a round before left."""
    for cell in sheet._cells.values():  # noqa: SLF001 - going through rows would make cells
        if cell.has_style and cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb in (GRAVE, SLIGHT):
            was = cell.fill.bgColor
            plain = (was.type == "indexed" and was.indexed == _NONE.indexed) or was.rgb == "00000000"
            cell.fill = PatternFill() if plain else PatternFill("solid", fgColor=copy(was))
        if cell.comment is not None:
            cell.comment = _without_ours(cell.comment)


def _without_ours(comment: Comment) -> Comment | None:
    if comment.author == AUTHOR:
        return None
    theirs, rule, _ = comment.text.partition(f"\n{_RULE}\n")
    return Comment(theirs, comment.author, height=comment.height, width=comment.width) if rule else comment
