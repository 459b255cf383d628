"""Probes of the parser: how many columns, remarks and titles of numbers are read or asked, or misread in silence."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from bench.damaged import synthetic_directory
from bench.drawn_up.answers import AnswerSearch
from bench.drawn_up.probes import NUMBERS, ROWS, Probe, ProbeKind, list_probes
from bench.registry import measure
from imports.checks.problem_codes import UNTICKING
from imports.columns import Meaning
from imports.parsing.rows import ParsedRow
from imports.parsing.spreadsheet import ParsedSheet, ParsingOptions, parse_spreadsheet

#: Schools of the synthetic directory among which those of the probes are drawn.
SCHOOLS = 2_000
#: The answer that adds numbers to what a school has begins so.
_ADDING = "add-"
#: The year in which the school year of the licences ends: titles of other years mean other numbers.
SCHOOL_YEAR = 2027
#: The options of every parse.
OPTIONS = ParsingOptions(school_year=SCHOOL_YEAR)


class ProbeResult(StrEnum):
    """What became of a probe."""

    #: Read as meant, without a question.
    RIGHT = "right"
    #: A question stands, and one of its answers is what was meant; or a note unticks what is not to be given.
    ASKED = "asked"
    #: A question stands, or a row is unticked, where everything was plain.
    NEEDLESS = "needless"
    #: A question stands, but no answer to it makes of the list what was meant.
    UNANSWERABLE = "unanswerable"
    #: Rows or numbers that were not meant would be given without a word.
    SILENT = "silent"


class LikelyAnswers(StrEnum):
    """What the answers that are filled in make of a list."""

    #: What was meant.
    RIGHT = "right"
    #: Nothing that was not meant, and not all of it: somebody has to choose.
    EMPTY = "empty"
    #: Rows or numbers that were not meant.
    WRONG = "wrong"


class ProbeOutcome(NamedTuple):
    """The result of a probe."""

    probe: Probe
    result: ProbeResult
    #: What would be given, or was asked, in a few words.
    reason: str
    #: Of a probe with questions.
    likely: LikelyAnswers = LikelyAnswers.EMPTY

    def line(self) -> str:
        """Return the outcome in one line."""
        return f"{self.result}: {self.probe.kind} {self.probe.label} – {self.reason}"


@dataclass(frozen=True)
class ProbeMeasure:
    """The outcome of each probe."""

    outcomes: list[ProbeOutcome]
    seconds: float

    def count(self) -> dict[ProbeKind, Counter[ProbeResult]]:
        """Return the number of probes by kind and result."""
        counts: dict[ProbeKind, Counter[ProbeResult]] = {kind: Counter() for kind in ProbeKind}
        for outcome in self.outcomes:
            counts[outcome.probe.kind][outcome.result] += 1
        return counts

    def figures(self) -> dict[str, Any]:
        """Return everything, for a program."""
        return {
            "name": "list_probes", "probes": len(self.outcomes), "seconds": round(self.seconds, 1),
            "results": {str(kind): dict(counts) for kind, counts in self.count().items()},
            "outcomes": [
                {"kind": str(probe.kind), "title": probe.title, "values": probe.values, "result": str(result),
                 "reason": reason, "likely": str(likely)}
                for probe, result, reason, likely in self.outcomes
            ],
        }  # fmt: skip

    def line(self) -> str:
        """Return a line a kind, one for each needless question, and the total."""
        lines = [
            f"{kind}: {counts.total()}  " + "  ".join(f"{result}={counts[result]}" for result in ProbeResult)
            for kind, counts in self.count().items()
        ]
        needless = [outcome.line() for outcome in self.outcomes if outcome.result is ProbeResult.NEEDLESS]
        asked = [outcome for outcome in self.outcomes if outcome.result is ProbeResult.ASKED]
        likely = Counter(outcome.likely for outcome in asked)
        head = (
            f"name=list_probes  probes={len(self.outcomes)}  seconds={self.seconds:.1f}  "
            f"asked={len(asked)}  likely answers " + "  ".join(f"{each}={likely[each]}" for each in LikelyAnswers)
        )
        return "\n".join([head, *needless, *lines])

    def failures(self) -> list[str]:
        """Return a line for each probe that is misread in silence, or asked what no answer mends."""
        failing = (ProbeResult.SILENT, ProbeResult.UNANSWERABLE)
        return [outcome.line() for outcome in self.outcomes if outcome.result in failing]


def judge_probe(probe: Probe) -> ProbeOutcome:
    """Parse a probe, and return whether it is read as meant, asked, or misread in silence."""
    parsed = parse_spreadsheet(probe.content, OPTIONS)
    given = _list_given(parsed)
    # A number that is added to what a school has can be noted by the answer alone.
    as_meant = _adds(parsed) if probe.kind is ProbeKind.ADDING_TITLE else given == probe.truth
    if parsed.questions:
        if not probe.kind.may_ask:
            result = ProbeResult.NEEDLESS
        else:
            result = ProbeResult.ASKED if _can_be_answered(probe, parsed) else ProbeResult.UNANSWERABLE
    elif as_meant:
        result = ProbeResult.RIGHT
    elif not probe.kind.may_ask and given.items() < probe.truth.items():
        result = ProbeResult.NEEDLESS
    else:
        result = ProbeResult.SILENT
    return ProbeOutcome(probe, result, _describe(parsed, given, probe), _judge_likely(probe, parsed))


def _judge_likely(probe: Probe, parsed: ParsedSheet) -> LikelyAnswers:
    """Return what the answers that are filled in make of a list; nothing is given while a question is open."""
    likely = {question.code: question.likely for question in parsed.questions if question.likely}
    if not likely or len(likely) < len(parsed.questions):
        return LikelyAnswers.EMPTY
    given = _list_given(_parse(probe, likely))
    if given == probe.truth:
        return LikelyAnswers.RIGHT
    return LikelyAnswers.EMPTY if given.items() <= probe.truth.items() else LikelyAnswers.WRONG


def _parse(probe: Probe, answers: Mapping[str, str]) -> ParsedSheet:
    return parse_spreadsheet(probe.content, replace(OPTIONS, answers=answers))


def _adds(parsed: ParsedSheet) -> bool:
    """Return whether an answered question says that the numbers are added to what a school has."""
    return any(question.answer.startswith(_ADDING) for question in parsed.answered)


def _can_be_answered(probe: Probe, parsed: ParsedSheet) -> bool:
    """Return whether answers to the open questions make of the list what was meant."""
    questions = parsed.questions
    if not any(question.options for question in questions):
        # It is answered by choosing the column of the number, or none.
        if probe.kind is not ProbeKind.ADDING_TITLE:
            return probe.kind is ProbeKind.CONTRARY_TITLE
        chosen = parse_spreadsheet(probe.content, replace(OPTIONS, columns={**parsed.columns, Meaning.UNITS: NUMBERS}))
        questions = chosen.questions
    if probe.kind is ProbeKind.ADDING_TITLE:
        return any(option.value.startswith(_ADDING) for question in questions for option in question.options)
    return AnswerSearch(
        read=lambda answers: _parse(probe, answers),
        list_questions=lambda answered: answered.questions,
        count_wrong=lambda answered: _count_differing(probe, answered),
    ).finds(parsed)


def _list_given(parsed: ParsedSheet) -> dict[int, int]:
    """Return the number of each row that would be given unless somebody intervenes, by row number."""
    return {row.number: number for row in parsed.rows if (number := _get_number(row)) and _is_ticked(row)}


def _get_number(row: ParsedRow) -> int | None:
    noted = next((note.units for note in row.notes if note.column == "units"), None)
    return noted if row.has_noted_units else row.units if row.units is not None else row.classes


def _is_ticked(row: ParsedRow) -> bool:
    problems = [*row.problems, *(note.problem for note in row.notes)]
    return not row.ignored and not any(problem.blocking or problem.code in UNTICKING for problem in problems)


def _count_differing(probe: Probe, parsed: ParsedSheet) -> int:
    given = _list_given(parsed)
    return sum(given.get(row) != probe.truth.get(row) for row in given.keys() | probe.truth.keys())


def _describe(parsed: ParsedSheet, given: Mapping[int, int], probe: Probe) -> str:
    """Return which rows are given in excess, with a note though ticked, or not at all, and what is asked."""
    wrong = sorted(row for row, number in given.items() if probe.truth.get(row) != number)
    lacking = sorted(probe.truth.keys() - given.keys())
    noted = [row.number for row in parsed.rows if row.number in wrong and (row.problems or row.notes)]
    asked = [
        f"{question.code}: {'; '.join(option.label for option in question.options)}" for question in parsed.questions
    ]
    parts = [
        f"gives {_name_rows(wrong)}" if wrong else "",
        f"with a word in {_name_rows(noted)}" if noted else "",
        f"leaves {_name_rows(lacking)}" if lacking else "",
        f"asks {' | '.join(asked)}" if asked else "",
    ]
    return ", ".join(filter(None, parts)) or "as meant"


def _name_rows(rows: list[int]) -> str:
    return "all rows" if len(rows) == ROWS else f"rows {', '.join(map(str, rows))}"


@measure("list_probes", own_server=True)
def list_probes_measure() -> ProbeMeasure:
    """Every probe of columns, remarks and titles: none is misread in silence. It needs no database."""
    schools = [
        school for school in synthetic_directory.generate_schools(SCHOOLS)
        if school.kind == "elementaire" and school.departement == "007"
    ]  # fmt: skip
    start = time.monotonic()
    outcomes = [judge_probe(probe) for probe in list_probes(schools)]
    return ProbeMeasure(outcomes, time.monotonic() - start)
