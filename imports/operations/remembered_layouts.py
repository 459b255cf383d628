"""Remember what members decide about columns, for the next file with the same titles."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from accounts.models import User
from imports.enums import Volume
from imports.layout import Layout
from imports.meanings import Meaning
from imports.models import RememberedLayout, SpreadsheetImport
from imports.parsing.column_mapping import column_index
from imports.parsing.spreadsheet import RememberedMapping
from imports.question import NO_COLUMN


def load_remembered(spreadsheet_import: SpreadsheetImport) -> dict[str, RememberedMapping]:
    """Return what is remembered for this purpose, by the digest of the titles."""
    stored = RememberedLayout.objects.filter(purpose=spreadsheet_import.purpose)
    return {
        header_digest: RememberedMapping(
            {Meaning(meaning): index for meaning, index in columns.items()}, Volume(volume) if volume else None, answers
        )
        for header_digest, columns, volume, answers in stored.values_list(
            "header_digest", "columns", "volume", "answers"
        )
    }


def read_answers(
    columns: Mapping[Meaning, int | None], layout: Layout, answers: Mapping[str, str]
) -> dict[Meaning, int | None]:
    """Return the chosen columns with those that answers name; of a sum, its first one."""
    read = dict(columns)
    for question in (*layout.questions, *layout.answered):
        answer = question.answered_by(answers).answer if question.code in answers else ""
        if columns and answer and question.names_columns:
            index = column_index(answer.split("+")[0]) if answer != NO_COLUMN else None
            if index is None or index not in columns.values():
                read[Meaning(question.column)] = index
    return read


def remember_columns(
    spreadsheet_import: SpreadsheetImport,
    columns: Mapping[Meaning, int | None],
    answers: Mapping[str, str],
    *,
    by: User | None,
    at: datetime.datetime,
) -> None:
    """Remember the columns by header row, and the answers that name columns; no-op without header row."""
    layout = spreadsheet_import.layout
    if not layout.header_digest:
        return
    about_columns = {question.code for question in (*layout.questions, *layout.answered) if question.names_columns}
    RememberedLayout.objects.update_or_create(
        purpose=spreadsheet_import.purpose,
        header_digest=layout.header_digest,
        defaults={
            "titles": layout.titles,
            # The column added to an annotated workbook is not part of the data.
            "columns": {str(meaning): index for meaning, index in columns.items() if meaning != Meaning.CHOICE},
            # Others are about the rows or the numbers of this file.
            "answers": {code: answer for code, answer in answers.items() if code in about_columns},
            "volume": spreadsheet_import.volume or layout.volume or "",
            "confirmed_at": at,
            "confirmed_by_id": by.pk if by else None,
        },
    )


def remember_layout(spreadsheet_import: SpreadsheetImport, *, by: User | None, at: datetime.datetime) -> None:
    """Remember the detected layout, which the member confirmed by applying the import.

    A meaning without a column stays open, unless the member removed it.
    """
    removed = {meaning: index for meaning, index in spreadsheet_import.choices.columns.items() if index is None}
    layout = spreadsheet_import.layout
    answers = {question.code: question.answer for question in layout.answered}
    remember_columns(spreadsheet_import, {**removed, **layout.columns}, answers, by=by, at=at)
