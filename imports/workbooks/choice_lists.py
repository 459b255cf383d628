"""Dropdown lists of proposed schools in cells.

Each set of proposals is one row of a hidden sheet. A single validation rule per column looks it up by the text of the
column « Propositions », so that rows may be sorted, moved and deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from core.workbook import build_text_cell
from imports.meanings import LISTS_SHEET

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
