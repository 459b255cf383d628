"""From a file's bytes to its checked rows. Pure; the pages, the command and the bench all read through here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imports.columns import recognise
from imports.layout import find_layout, sheets_with_schools
from imports.meanings import Meaning
from imports.problems import Problem
from imports.readers import limits
from imports.readers.opening import check_height, open_workbook
from imports.readers.text import too_many_rows
from imports.rows import CheckedRow, check, is_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imports.layout import Layout


@dataclass(frozen=True)
class Choices:
    """What the member decided; where nothing was decided, it is found."""

    sheet: str | None = None
    #: From 1; 0 for « no row of titles ».
    header_row: int | None = None
    #: None for a meaning that no column has.
    columns: Mapping[Meaning, int | None] = field(default_factory=dict)
    units_for_all: int | None = None


@dataclass(frozen=True)
class Table:
    """What was read. Rows are there only where there are no questions left."""

    kind: str
    sheets: list[str]
    sheet: str
    header_row: int | None
    titles: list[str]
    columns: dict[Meaning, int]
    questions: list[Problem]
    remarks: list[str]
    rows: list[CheckedRow]


def read_table(content: bytes, choices: Choices, progress: Callable[[int, int], None] | None = None) -> Table:
    """Read a file. Raises `Unreadable`. `progress` is told the rows read and the rows there are, now and then."""
    workbook = open_workbook(content)
    layout = find_layout(workbook, sheet=choices.sheet, header_row=choices.header_row)
    check_height(layout.sheet.height)
    found = recognise(layout.titles, layout.sample, choices.columns)
    questions = [
        question
        for question in found.questions
        # One number for all answers which column holds the numbers.
        if not (question.column == Meaning.UNITS and choices.units_for_all is not None)
    ]
    asked = {question.column for question in questions}
    if choices.units_for_all is None and Meaning.UNITS not in found.columns and Meaning.UNITS not in asked:
        questions.append(
            Problem(
                Meaning.UNITS,
                "no_units",
                "Aucune colonne ne dit combien de licences donner. Indiquez un même nombre pour toutes les écoles, ou "
                "choisissez la colonne.",
            )
        )
    others = [name for name in sheets_with_schools(workbook) if name != layout.sheet.name]
    remarks = (
        [f"Seule la feuille « {layout.sheet.name} » est lue ; contiennent aussi des UAI : {', '.join(others)}."]
        if others
        else []
    )
    return Table(
        kind=workbook.kind,
        sheets=[sheet.name for sheet in workbook.sheets],
        sheet=layout.sheet.name,
        header_row=layout.header_row,
        titles=layout.titles,
        columns=found.columns,
        questions=questions,
        remarks=remarks,
        rows=[] if questions else _rows(layout, found.columns, choices.units_for_all, progress),
    )


def _rows(
    layout: Layout,
    columns: Mapping[Meaning, int],
    units_for_all: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[CheckedRow]:
    first = layout.header_row or 0
    rows = []
    for number, row in enumerate(layout.sheet.rows(), start=1):
        if number > first and not is_blank(row):
            rows.append(check(number, row, columns, units_for_all=units_for_all))
        if progress is not None and number % 10_000 == 0:
            progress(number, layout.sheet.height)
    if len(rows) > limits.MAX_ROWS:
        raise too_many_rows(len(rows))
    return rows
