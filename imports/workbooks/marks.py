"""Marks of an annotated workbook, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from imports.enums import Verdict, Volume
from imports.meanings import Meaning
from imports.parsing.spreadsheet import volume_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imports.layout import Layout

_SEVERITY_LABELS = {Verdict.ERROR: "Erreur", Verdict.CONFLICT: "Conflit"}
#: Codes that are information, not problems: portfolio changes.
_INFORMATIVE_CODES = {"changes"}
#: Wildcards in the lookup formula of the choice lists, removed from school names.
_WILDCARDS = str.maketrans("*?~", "   ")


class MarkedProblem(NamedTuple):
    """A problem, and the column (from 0) of its cell; None for the whole row."""

    column: int | None
    words: str
    #: An error or a conflict, not a warning.
    severe: bool


class RowMarks(NamedTuple):
    """Problems and proposals of a row: index of its sheet, row number from 1."""

    sheet: int
    number: int
    faults: tuple[MarkedProblem, ...]
    #: For example « 0301234D – École Zola – Nîmes ».
    proposals: tuple[str, ...]


class TableLocation(NamedTuple):
    """Location of the data in the workbook, as parsed."""

    #: Names of all sheets; header row by index of each parsed sheet, None if it has none.
    names: Sequence[str]
    headers: Mapping[int, int | None]
    columns: Mapping[Meaning, int]
    width: int
    #: Sheet and header row of the tables below another one.
    lower_headers: Sequence[tuple[int, int]] = ()

    @classmethod
    def from_layout(cls, layout: Layout) -> TableLocation:
        """Build it from the layout of an import."""
        headers = dict(layout.regions)
        lower = [
            (table.sheet, table.header_row)
            for table in layout.further_tables
            if table.header_row is not None and table.header_row != headers.get(table.sheet)
        ]
        return cls(layout.sheets, headers, layout.columns, len(layout.titles), lower)

    @property
    def first(self) -> int:
        """Index of the first column with a meaning."""
        return find_first_column(self.columns)


def find_first_column(columns: Mapping[Meaning, int]) -> int:
    """Return the index of the first column with a meaning, 0 where there is none."""
    return min((index for meaning, index in columns.items() if meaning != Meaning.CHOICE), default=0)


def build_mark(
    *,
    sheet: int,
    number: int,
    verdict: str,
    problems: Iterable[Mapping[str, Any]],
    proposals: Iterable[Mapping[str, Any]],
    columns: Mapping[Meaning, int],
    volume: Volume | None,
) -> RowMarks | None:
    """Return the mark of a row, None if it has no problem."""
    if verdict == Verdict.IGNORED:
        return None
    faults = []
    for problem in problems:
        if problem["code"] in _INFORMATIVE_CODES:
            continue
        # In a conflict only the problem of the number is severe; others are warnings.
        severe = problem["blocking"] or (verdict == Verdict.CONFLICT and problem["column"] in ("", Meaning.UNITS))
        kind = _SEVERITY_LABELS.get(Verdict(verdict), "À vérifier") if severe else "À vérifier"
        faults.append(
            MarkedProblem(_column(problem["column"], columns, volume), f"{kind} : {problem['message']}", severe)
        )
    if not faults:
        return None
    labels = tuple(f"{proposal['uai']} – {proposal['label'].translate(_WILDCARDS)}" for proposal in proposals)
    return RowMarks(sheet, number, tuple(faults), labels)


def _column(meaning: str, columns: Mapping[Meaning, int], volume: Volume | None) -> int | None:
    if not meaning:
        return find_first_column(columns)
    candidates = [Meaning(meaning)]
    if meaning == Meaning.UNITS and (column := volume_column(volume)):
        candidates = [column]
    elif meaning == Meaning.UAI:
        # Without a UAI column, the name is the cell to mark.
        candidates = [Meaning.UAI, Meaning.NAME]
    return next((columns[one] for one in candidates if one in columns), None)
