"""Answer the question about schools with licences of another pool, and answer it otherwise."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple, Unpack

from django.db import transaction

from accounts.models import User
from imports import queries
from imports.checks.problem_codes import OTHER_POOL_CODES
from imports.enums import APPLICABLE, ImportState
from imports.exceptions import UnknownRow
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.operations.recheck import change_rows
from imports.pool_answers import list_pool_answers
from imports.queries import RowQuery


class AnsweredRows(NamedTuple):
    """How many rows the answer ticked, and how many it set aside: their schools have the number of the file already."""

    given: int
    served: int


@transaction.atomic
def answer_all_pool_questions(
    *,
    import_id: int,
    besides: bool,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
    **filters: Unpack[RowQuery],
) -> AnsweredRows:
    """Give the schools that hold licences of other pools what they lack of the file's number, or all of it `besides`.

    What was answered before is answered anew; a number that a member typed stays. Raises `UnknownImport`,
    `WrongImportState`.
    """
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    found = queries.filter_rows(spreadsheet_import, **filters)
    asked = found.filter(codes__overlap=list(OTHER_POOL_CODES), verdict__in=APPLICABLE)
    return _answer(spreadsheet_import, list(asked), besides=besides)


@transaction.atomic
def answer_pool_question(
    *,
    import_id: int,
    number: int,
    sheet: int = 0,
    besides: bool,
    by: User | None,  # noqa: ARG001 - only the application is audited
    at: datetime.datetime,  # noqa: ARG001
) -> ImportRow:
    """Answer for one row, whatever was typed in it; return it. Raises `UnknownRow` where it is not asked about."""
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    row = ImportRow.objects.filter(import_id=import_id, sheet=sheet, number=number).first()
    answered = _answer(spreadsheet_import, [row] if row else [], besides=besides, overrides=True)
    if row is None or not any(answered):
        raise UnknownRow(f"L'école de la ligne {number} n'a pas de licences d'un autre lot : il n'y a rien à répondre.")
    row.refresh_from_db()
    return row


def _answer(
    spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow], *, besides: bool, overrides: bool = False
) -> AnsweredRows:
    """Answer for these rows and tick them. `overrides`: also where a member typed another number."""
    answers = list_pool_answers(spreadsheet_import, rows)
    changed = [
        row
        for row in rows
        if row.pk in answers and (overrides or row.units in (answers[row.pk].completed, answers[row.pk].besides))
    ]

    def alter(row: ImportRow) -> None:
        completed, stated, _ = answers[row.pk]
        if not besides and completed == row.units_before:
            row.set_aside = True
        elif not besides:
            row.edits = row.edits | {Meaning.UNITS.value: str(completed)}
        elif row.units != stated:
            row.edits = {meaning: text for meaning, text in row.edits.items() if meaning != Meaning.UNITS}

    change_rows(spreadsheet_import, changed, alter)
    given = ImportRow.objects.filter(queries.is_tickable_q(), pk__in=[row.pk for row in changed]).update(ticked=True)
    return AnsweredRows(given, sum(row.set_aside for row in changed))
