"""Ask which table counts where several tables of one sheet list the same schools. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from imports.meanings import TABLE_NOT_CHOSEN
from imports.parsing.questions import list_schools, overlap
from imports.parsing.rows import leave_out_row
from imports.question import AnswerOption, LayoutQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imports.parsing.stacked_tables import ReadTable

CODE = "duplicate_tables"
#: The answer that reads them all: a school that stands several times is then reported row by row.
ALL_TABLES = "all"
#: Why the rows of the other tables are left out.
NOT_CHOSEN = "Ligne d'un tableau que vous n'avez pas choisi."


def resolve_duplicate_tables(tables: Sequence[ReadTable], answers: Mapping[str, str]) -> list[LayoutQuestion]:
    """Return a question where tables of one sheet list the same schools; ignore the rows that its answer leaves out."""
    found = _find_overlapping(tables)
    if not found:
        return []
    question = _build_question(found).answered_by(answers)
    for table in found if question.answer not in ("", ALL_TABLES) else ():
        if _option(table) != question.answer:
            table.body.rows[:] = [
                row if row.ignored else leave_out_row(row, TABLE_NOT_CHOSEN, NOT_CHOSEN) for row in table.body.rows
            ]
    return [question]


def _build_question(found: Sequence[ReadTable]) -> LayoutQuestion:
    rows = [str(table.detected.header_row or 1) for table in found]
    options = [
        AnswerOption(_option(table), f"Seulement celui de la ligne {row} : {_count(table)}")
        for table, row in zip(found, rows, strict=True)
    ]
    return LayoutQuestion(
        "",
        CODE,
        f"Les tableaux qui commencent aux lignes {', '.join(rows[:-1])} et {rows[-1]} listent en grande partie les "
        "mêmes écoles. Lequel faut-il lire ?",
        (*options, AnswerOption(ALL_TABLES, "Tous : une école qui revient est signalée")),
    )


def _find_overlapping(tables: Sequence[ReadTable]) -> list[ReadTable]:
    if not any(table.below for table in tables):
        return []
    schools = [list_schools(table.body) for table in tables]
    found: set[int] = set()
    for one, other in combinations(range(len(tables)), 2):
        if tables[one].detected.index == tables[other].detected.index and overlap(schools[one], schools[other]):
            found |= {one, other}
    return [tables[position] for position in sorted(found)]


def _count(table: ReadTable) -> str:
    """Return what a table holds: « 3 écoles, 12 licences »."""
    rows = [row for row in table.body.rows if not row.ignored]
    licences = sum(row.units or 0 for row in rows)
    schools = f"{len(rows)}\xa0école{'s' if len(rows) > 1 else ''}"
    return f"{schools}, {licences}\xa0licence{'s' if licences > 1 else ''}" if licences else schools


def _option(table: ReadTable) -> str:
    return f"{table.detected.index}-{table.detected.header_row or 0}"
