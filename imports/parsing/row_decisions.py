"""What other rows and the look of a sheet say about its rows: one number of several rows, rows that mean no. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imports.meanings import ANOTHER_ROW_COUNTS, RowNote
from imports.parsing.declined_rows import describe_declined, list_declined_rows
from imports.parsing.repeated_schools import NumberSource, ask_repeated_schools, combine_rows
from imports.parsing.rows import ParsedRow, add_notes, ignore_row, leave_out_row
from imports.parsing.school_keys import school_key
from imports.parsing.shared_numbers import ask_shared_numbers, divide_shared_numbers, find_shared_numbers
from imports.parsing.stacked_tables import ReadTable
from imports.question import LayoutQuestion

LEGEND_REASON = "Légende des couleurs : aucune école."


class RowDecisions(NamedTuple):
    """The rows after the decisions, the questions, answered or open, and remarks about what was done."""

    rows: list[ParsedRow]
    questions: list[LayoutQuestion]
    remarks: list[str]


def decide_rows(
    rows: Sequence[ParsedRow],
    source: NumberSource,
    answers: Mapping[str, str],
    sheets: Sequence[str],
    tables: Sequence[ReadTable],
) -> RowDecisions:
    """Return what becomes of the rows of all tables. `sheets`: names of all sheets of the workbook."""
    declined = list_declined_rows(tables)
    kept = [
        ignore_row(row, LEGEND_REASON) if not row.ignored and row.number in declined.legends.get(row.sheet, ()) else row
        for row in rows
    ]
    decided = _decline_rows(kept, declined.notes, source)
    remarks = list(declined.remarks)
    questions: list[LayoutQuestion] = []
    if source.is_known or source.missing:
        shared = find_shared_numbers(decided, source, tables)
        question = ask_shared_numbers(decided, shared)
        if question is not None:
            questions.append(question.answered_by(answers))
        decided = divide_shared_numbers(decided, shared, questions[0].answer if questions else "", source)
        question, groups = ask_repeated_schools(decided, source, sheets)
        if question is not None:
            questions.append(question.answered_by(answers))
            decided = combine_rows(decided, groups, questions[-1].answer, source, sheets)
    # Rows that were added up are one.
    remark = describe_declined(row for row in decided if not row.ignored) if any(declined.notes.values()) else ""
    return RowDecisions(decided, questions, [remark, *remarks] if remark else remarks)


def _decline_rows(
    rows: Sequence[ParsedRow], declined: Mapping[int, Mapping[int, RowNote]], source: NumberSource
) -> list[ParsedRow]:
    """Return the rows with their notes; a declined row of a school that has another is ignored."""
    if not any(declined.values()):
        return list(rows)
    notes = [None if row.ignored else declined.get(row.sheet, {}).get(row.number) for row in rows]
    kept = {school_key(row) for row, note in zip(rows, notes, strict=True) if note is None and not row.ignored} - {""}
    decided = []
    for row, note in zip(rows, notes, strict=True):
        if note is None:
            decided.append(row)
        elif school_key(row) in kept:
            reason = "Ligne que le fichier écarte ; une autre de cette école compte."
            decided.append(leave_out_row(row, ANOTHER_ROW_COUNTS, reason))
        else:
            decided.append(add_notes(row, [note], source.column))
    return decided
