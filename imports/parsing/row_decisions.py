"""What other rows and the look of a sheet say about its rows: one number of several rows, rows that mean no. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports.parsing.repeated_schools import ask_repeated_schools, combine_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imports.parsing.repeated_schools import NumberSource
    from imports.parsing.rows import ParsedRow
    from imports.question import LayoutQuestion


class RowDecisions(NamedTuple):
    """The rows after the decisions, the questions, answered or open, and remarks about what was done."""

    rows: list[ParsedRow]
    questions: list[LayoutQuestion]
    remarks: list[str]


def decide_rows(
    rows: Sequence[ParsedRow], source: NumberSource, answers: Mapping[str, str], sheets: Sequence[str]
) -> RowDecisions:
    """Return what becomes of the rows of all sheets. `sheets`: names of all sheets of the workbook."""
    questions: list[LayoutQuestion] = []
    remarks: list[str] = []
    decided = list(rows)
    if source.is_known:
        question, groups = ask_repeated_schools(decided, source, sheets)
        if question is not None:
            question = question.answered_by(answers)
            questions.append(question)
            decided = combine_rows(decided, groups, question.answer, source, sheets)
    return RowDecisions(decided, questions, remarks)
