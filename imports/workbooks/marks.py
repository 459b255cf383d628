"""Marks of an annotated workbook, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from imports.columns import Meaning
from imports.enums import ConflictResolution, Verdict, Volume
from imports.layout import Layout
from imports.parsing.spreadsheet import volume_column
from imports.problems import LEFT_OUT_CODES

_SEVERITY_LABELS = {Verdict.ERROR: "Erreur", Verdict.CONFLICT: "Conflit"}
#: Codes that are information, not problems: portfolio changes.
_INFORMATIVE_CODES = {"changes"}
#: Codes that say why a row of a school is left out: of an ignored row, these alone are marked.
LEFT_OUT = frozenset({*LEFT_OUT_CODES, "duplicate"})
#: Wildcards in the lookup formula of the choice lists, removed from school names.
_WILDCARDS = str.maketrans("*?~", "   ")


class MarkedProblem(NamedTuple):
    """A problem or a decision, and the column (from 0) of its cell; None for the whole row."""

    column: int | None
    words: str
    #: An error or a conflict, not a warning.
    severe: bool
    #: No problem, but what a member decided on the page.
    decided: bool = False


class RowMarks(NamedTuple):
    """Problems and proposals of a row: index of its sheet, row number from 1."""

    sheet: int
    number: int
    faults: tuple[MarkedProblem, ...]
    #: For example « 0301234D – École Zola – Nîmes ».
    proposals: tuple[str, ...]
    #: The school that a member chose on the page, as a proposal; "" to leave what the column says.
    choice: str = ""


class PageDecision(NamedTuple):
    """What a member decided about a row on the page."""

    #: New cell texts by meaning.
    edits: Mapping[str, str]
    #: The school they chose, as a proposal, "" if none.
    chosen: str
    set_aside: bool
    conflict_resolution: str


class TableLocation(NamedTuple):
    """Location of the data in the workbook, as parsed."""

    #: Names of all sheets; header row by index of each parsed sheet, None if it has none.
    names: Sequence[str]
    headers: Mapping[int, int | None]
    columns: Mapping[Meaning, int]
    width: int
    #: Sheet and header row of the tables below another one.
    lower_headers: Sequence[tuple[int, int]] = ()
    #: By code of the question: what was answered about the shape of the tables.
    answers: Mapping[str, str] = {}

    @classmethod
    def from_layout(cls, layout: Layout) -> TableLocation:
        """Build it from the layout of an import."""
        headers = dict(layout.regions)
        lower = [
            (table.sheet, table.header_row)
            for table in layout.further_tables
            if table.header_row is not None and table.header_row != headers.get(table.sheet)
        ]
        answers = {question.code: question.answer for question in layout.answered}
        return cls(layout.sheets, headers, layout.columns, len(layout.titles), lower, answers)

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
    decision: PageDecision,
    columns: Mapping[Meaning, int],
    volume: Volume | None,
) -> RowMarks | None:
    """Return the mark of a row, None if it has neither a problem nor a decision, and is not left out."""
    problems = list(problems)
    faults = _mark_decision(decision, columns, volume)
    if verdict == Verdict.IGNORED:
        column = find_first_column(columns)
        reasons = [problem["message"] for problem in problems if problem["code"] in LEFT_OUT]
        faults += [MarkedProblem(column, f"Laissée de côté : {reason}", severe=False) for reason in reasons]
    settled = verdict == Verdict.IGNORED or bool(decision.conflict_resolution)
    for problem in () if settled else problems:
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
    labels = () if settled else tuple(format_school(proposal["uai"], proposal["label"]) for proposal in proposals)
    return RowMarks(sheet, number, tuple(faults), labels, decision.chosen)


def format_school(uai: str, label: str) -> str:
    """Return a school as the lists of proposals name it."""
    return f"{uai} – {label.translate(_WILDCARDS)}"


def _mark_decision(
    decision: PageDecision, columns: Mapping[Meaning, int], volume: Volume | None
) -> list[MarkedProblem]:
    """Return what was decided on the page, each at the cell that it is about."""
    words = {
        meaning: f"Corrigé ici : {text} ({_lower(Meaning(meaning).label)})"
        if text
        else f"Vidé ici ({_lower(Meaning(meaning).label)})"
        for meaning, text in decision.edits.items()
    }
    if decision.chosen:
        words[Meaning.UAI.value] = f"École choisie ici : {decision.chosen}"
    if decision.set_aside:
        words[""] = "Ligne mise de côté ici"
    if decision.conflict_resolution:
        words[Meaning.UNITS.value] = f"Décidé ici : {_lower(ConflictResolution(decision.conflict_resolution).label)}"
    return [
        MarkedProblem(_column(meaning, columns, volume), f"{text}.", severe=False, decided=True)
        for meaning, text in words.items()
    ]


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[0].lower() + label[1:]


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
