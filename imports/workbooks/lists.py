"""The lists of schools to choose from inside a cell.

Each set of proposals is one row of a hidden sheet, and one rule for the whole column looks up the set of its row by
what the column « Propositions » says: so rows may be sorted, moved and deleted, and keep their lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from imports.meanings import OWN_SHEET
from imports.workbooks.writing import text_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

#: Its name needs no quotes in a formula.
SHEET = OWN_SHEET
#: As far as a spreadsheet compares texts when it looks one up.
KEY = 250
_FORMULA = (
    "OFFSET({sheet}!$C$1,MATCH(LEFT(${letter}{row},{key}),{sheet}!$A:$A,0)-1,0,1,"
    "INDEX({sheet}!$B:$B,MATCH(LEFT(${letter}{row},{key}),{sheet}!$A:$A,0)))"
)


class Lists:
    """The sets of proposals of a workbook."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._sets: dict[str, Sequence[str]] = {}
        if SHEET in book.sheetnames:
            del book[SHEET]

    def offer(self, text: str, proposals: Sequence[str]) -> None:
        """Keep a set, under what the column « Propositions » says of it."""
        if proposals:
            self._sets.setdefault(text[:KEY], proposals)

    def attach(self, sheet: Worksheet, first: int, top: int, bottom: int) -> None:
        """Give the column of choices its lists, in these rows. `first`: our first column, from 0."""
        choices = get_column_letter(first + 3)
        rule = validation(get_column_letter(first + 2), top)
        area = f"{choices}{top}:{choices}{max(top, bottom)}"
        for old in [old for old in sheet.data_validations.dataValidation if SHEET in (old.formula1 or "")]:
            sheet.data_validations.dataValidation.remove(old)
        rule.add(area)
        sheet.data_validations.append(rule)

    def write(self) -> None:
        """Write the hidden sheet."""
        if not self._sets:
            return
        sheet = self._book.create_sheet(SHEET)
        sheet.sheet_state = "hidden"
        for text, proposals in self._sets.items():
            sheet.append(
                [text_cell(sheet, text), len(proposals), *(text_cell(sheet, proposal) for proposal in proposals)]
            )


def validation(letter: str, row: int) -> DataValidation:
    """Return the rule whose list follows from the column of that letter; `row`: the first that it is for."""
    return DataValidation(
        type="list",
        formula1=_FORMULA.format(sheet=SHEET, letter=letter, row=row, key=KEY),
        allow_blank=True,
        # Another school than those may be meant: its UAI is typed.
        showErrorMessage=False,
        showInputMessage=True,
        promptTitle="Votre choix",
        prompt="Choisissez dans la liste, ou tapez l'UAI de l'école.",
    )
