"""Judges the report of an import of a list by what its author meant."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.damaged.flagged_rows import ConfidenceScore, find_flagged_rows, find_rows_set_aside
from bench.drawn_up.answers import AnswerSearch
from bench.drawn_up.expectations import DrawnUpList, Want
from imports.layout import LayoutQuestion


class Result(StrEnum):
    """What became of a list."""

    #: Every school has the number that was meant, and nothing is asked.
    RIGHT = "right"
    #: A problem or an unticked row stands wherever a number is not as meant, or a question whose answers mend it.
    QUESTION = "question"
    REFUSED = "refused"
    #: A number or a school that was not meant would be applied without a word, or whatever is answered.
    MISREAD = "misread"


#: The results that fulfil each wish. A sentence that refuses a file tells as much as a question.
_FULFILLING = {
    Want.READ: {Result.RIGHT},
    Want.ASK: {Result.RIGHT, Result.QUESTION, Result.REFUSED},
    Want.REFUSE: {Result.REFUSED},
}


@dataclass(frozen=True)
class ListOutcome:
    """The result of one list. `silent`: a sentence for each school misread without a word."""

    name: str
    want: Want
    result: Result
    expects: str
    silent: list[str]
    confidence: ConfidenceScore

    @property
    def fulfilled(self) -> bool:
        """Whether the list did what a data officer expects."""
        return self.result in _FULFILLING[self.want]

    def line(self) -> str:
        """Return the outcome in one line, with the expectation where it was not met."""
        missed = "" if self.fulfilled else f"  expected: {self.expects}"
        return f"{self.name}: want={self.want}  result={self.result}  silent={len(self.silent)}{missed}"

    def figures(self) -> dict[str, Any]:
        """Return the outcome as a dictionary."""
        return {"name": self.name, "want": self.want.value, "result": self.result.value, "silent": self.silent}


type Report = dict[str, Any]


def judge_list(drawn: DrawnUpList, read: Callable[[Mapping[str, str]], Report]) -> ListOutcome:
    """Return the outcome of a list.

    `read`: reads it with answers by code of the question, as `bench.spreadsheets.run_import_command` does. A sentence
    about the list as a whole excuses nothing: a row is unticked, or a question stands that the right answer ends.
    """
    output = read({})
    confidence = ConfidenceScore()
    named = drawn.truth.keys() | drawn.refused
    if drawn.truth:
        for row in output["resolved"]:
            confidence.add(row["confidence"], wrong=row["match_method"] == "name" and row["uai"] not in named)
    silent: list[str] = []
    if output["state"] == "rejected":
        result = Result.REFUSED
    else:
        silent = list_misread(drawn, output)
        if questions := list_open_questions(output):
            search = AnswerSearch(read, list_open_questions, lambda answered: len(list_misread(drawn, answered)))
            # Without a truth no number is certain: any question tells so.
            if not drawn.truth or search.finds(output):
                silent = []
            else:
                silent = silent or [
                    f"no answer to {', '.join(question.code for question in questions)} is what was meant"
                ]
        result = Result.MISREAD if silent else Result.QUESTION if questions or _differs(drawn, output) else Result.RIGHT
    return ListOutcome(drawn.name, drawn.want, result, drawn.expects, silent, confidence)


def list_open_questions(output: Report) -> list[LayoutQuestion]:
    """Return the open questions about the file as a whole."""
    return [LayoutQuestion.from_json(question) for question in output["questions"]]


def list_misread(drawn: DrawnUpList, output: Report) -> list[str]:
    """Return a sentence for each school whose number would be applied unlike it was meant, no word in its row."""
    flagged = _find_flagged(drawn, output)
    return _list_silent(drawn, output, _sum_applied(output, flagged), flagged)


def _differs(drawn: DrawnUpList, output: Report) -> bool:
    """Return whether a school would be given another number than was meant unless somebody intervenes."""
    applied = _sum_applied(output, _find_flagged(drawn, output))
    return any(applied.get(uai, 0) != drawn.truth.get(uai, 0) for uai in applied.keys() | drawn.truth.keys())


def _find_flagged(drawn: DrawnUpList, output: Report) -> set[tuple[str, int]]:
    return find_flagged_rows(output) - _list_right_nurseries(drawn, output)


def _list_right_nurseries(drawn: DrawnUpList, output: Report) -> set[tuple[str, int]]:
    """Return the rows set aside for the levels of their school whose school and number were read as meant."""
    numbers = {(row["sheet"], row["row"]): (row["uai"], row["quantity"]) for row in output["resolved"]}
    return {place for place in find_rows_set_aside(output) if numbers.get(place) in drawn.truth.items()}


def _sum_applied(output: Report, flagged: set[tuple[str, int]]) -> dict[str, int]:
    """Return the licences that each school would be given unless somebody intervenes, by UAI."""
    applied = Counter[str]()
    for row in output["resolved"]:
        if (row["sheet"], row["row"]) not in flagged:
            applied[row["uai"]] += row["quantity"] or 0
    return dict(applied)


def _list_silent(
    drawn: DrawnUpList, output: Report, applied: dict[str, int], flagged: set[tuple[str, int]]
) -> list[str]:
    wrong = {uai: f"{uai}: {number} instead of {drawn.truth.get(uai)}" for uai, number in sorted(applied.items())
             if number != drawn.truth.get(uai, 0)}  # fmt: skip
    # A school that no row was given to, or too few, lacks a row; one whose school is asked for may be it.
    named = {row["uai"] for row in output["resolved"]}
    lacking = {uai: f"{uai}: not read" for uai in sorted(drawn.truth.keys() - named)}
    lacking |= {uai: wrong.pop(uai) for uai, number in applied.items() if number < drawn.truth.get(uai, 0)}
    ignored = {(problem["sheet"], problem["row"]) for problem in output["problems"] if problem["code"] == "ignored"}
    unresolved = flagged - ignored - {(row["sheet"], row["row"]) for row in output["resolved"]}
    return [*wrong.values(), *(lacking.values() if len(lacking) > len(unresolved) else ())]


def list_misreadings(outcomes: Iterable[ListOutcome]) -> list[str]:
    """Return a sentence for each list that was misread without a word, or did not do what was wanted."""
    return [f"{outcome.line()}  {'; '.join(outcome.silent[:3])}" for outcome in outcomes if not outcome.fulfilled]
