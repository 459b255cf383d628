"""Ask which table counts where several tables of one sheet list the same schools. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from imports.meanings import TABLE_NOT_CHOSEN
from imports.parsing.ignored_rows import GROUP, NOTE, REPEATED_HEADER
from imports.parsing.questions import list_schools, overlap
from imports.parsing.rows import ParsedRow, leave_out_row
from imports.parsing.stacked_tables import ReadTable
from imports.question import AnswerOption, LayoutQuestion

DUPLICATE_TABLES = "duplicate_tables"
#: The answer that reads them all: schools that stand several times are then asked about, or reported row by row.
ALL_TABLES = "all"
#: Why the rows of the other tables are left out.
NOT_CHOSEN = "Ligne d'un tableau que vous n'avez pas choisi."
#: More sections are the pages of a printed list.
MAX_SECTIONS = 100
#: Enough of a heading to know the table by.
MAX_HEADING_LENGTH = 60
_HEADINGS = frozenset({GROUP.reason, NOTE.reason})


class _Section(NamedTuple):
    """The rows below a row of titles: a table, or a part of one whose titles stand again in the middle."""

    table: ReadTable
    header_row: int
    #: The text above its titles, "" without one.
    heading: str
    start: int
    stop: int

    @property
    def option(self) -> str:
        return f"{self.table.detected.index}-{self.header_row}"

    @property
    def rows(self) -> list[ParsedRow]:
        return self.table.body.rows[self.start : self.stop]


def resolve_duplicate_tables(tables: Sequence[ReadTable], answers: Mapping[str, str]) -> list[LayoutQuestion]:
    """Return a question where tables of one sheet list the same schools; ignore the rows that its answer leaves out."""
    found = _find_overlapping([section for table in tables for section in _list_sections(table)])
    if not found:
        return []
    question = _build_question(found).answered_by(answers)
    for section in found if question.answer not in ("", ALL_TABLES) else ():
        if section.option != question.answer:
            section.table.body.rows[section.start : section.stop] = [
                row if row.ignored else leave_out_row(row, TABLE_NOT_CHOSEN, NOT_CHOSEN) for row in section.rows
            ]
    return [question]


def _build_question(found: Sequence[_Section]) -> LayoutQuestion:
    rows = [str(section.header_row or 1) for section in found]
    options = [
        AnswerOption(section.option, f"Seulement celui de la ligne {row}{section.heading} : {_count(section)}")
        for section, row in zip(found, rows, strict=True)
    ]
    return LayoutQuestion(
        "",
        DUPLICATE_TABLES,
        f"Les tableaux qui commencent aux lignes {', '.join(rows[:-1])} et {rows[-1]} listent en grande partie les "
        "mêmes écoles. Lequel faut-il lire ?",
        (*options, AnswerOption(ALL_TABLES, "Tous : la page dira que faire des écoles qui reviennent")),
    )


def _list_sections(table: ReadTable) -> Iterator[_Section]:
    rows = table.body.rows
    repeated = [index for index, row in enumerate(rows) if row.ignored == REPEATED_HEADER.reason]
    starts = [-1, *repeated]
    for start, stop in zip(starts, [*repeated, len(rows)], strict=True):
        header_row = rows[start].number if start >= 0 else table.detected.header_row or 0
        yield _Section(table, header_row, _read_heading(rows, start) if start > 0 else "", start + 1, stop)


def _read_heading(rows: Sequence[ParsedRow], header: int) -> str:
    """Return « , « Rappel 2025-2026 » » for the text in the row above repeated titles, "" without one."""
    above = rows[header - 1]
    text = next(iter(above.cells.values()), "") if above.ignored in _HEADINGS else ""
    return f", « {text[:MAX_HEADING_LENGTH]} »" if text else ""


def _find_overlapping(sections: Sequence[_Section]) -> list[_Section]:
    if not 1 < len(sections) <= MAX_SECTIONS:
        return []
    schools = [list_schools(section.rows) for section in sections]
    found: set[int] = set()
    for one, other in combinations(range(len(sections)), 2):
        same_sheet = sections[one].table.detected.index == sections[other].table.detected.index
        if same_sheet and overlap(schools[one], schools[other]):
            found |= {one, other}
    return [sections[position] for position in sorted(found)]


def _count(section: _Section) -> str:
    """Return what a table holds: « 3 écoles, 12 licences »."""
    rows = [row for row in section.rows if not row.ignored]
    licences = sum(row.units or 0 for row in rows)
    schools = f"{len(rows)}\xa0école{'s' if len(rows) > 1 else ''}"
    return f"{schools}, {licences}\xa0licence{'s' if licences > 1 else ''}" if licences else schools
