"""What the bench calls a silent misreading: a number that would be applied unlike it was meant, without a word."""

import pytest

from bench.damaged.expectations import DamagedFile, ExpectedMatch, ExpectedRow
from bench.damaged.flagged_rows import ConfidenceScore
from bench.damaged.scoring import score_file
from bench.drawn_up.expectations import DrawnUpList, Want
from bench.drawn_up.scoring import Result, judge_list
from imports.layout import AnswerOption, LayoutQuestion

NAME = "liste.csv"


def report(rows, *, problems=(), questions=(), unticked=(), state="checked"):
    """Return the report of an import: `rows` as (UAI, number), `problems` as (row, code)."""
    return {
        "state": state,
        "resolved": [
            {"sheet": "", "row": n, "uai": uai, "quantity": number, "match_method": "uai", "confidence": None}
            for n, (uai, number) in enumerate(rows, start=2)
        ],
        "problems": [{"sheet": "", "row": row, "column": "", "code": code} for row, code in problems],
        "questions": [question.as_json() for question in questions],
        "unticked": [("", row) for row in unticked],
    }


def ask(code, *values, multiple=False):
    """Return an open question with these answers."""
    return LayoutQuestion("", code, "", tuple(AnswerOption(value, value) for value in values), multiple=multiple)


def judge(drawn, output, answered=()):
    """Judge a list by its report, and those of it with answers: `answered` as (answers, report)."""
    return judge_list(drawn, lambda answers: next((given for asked, given in answered if asked == answers), output))


RIGHT, WRONG = [("0301234D", 3), ("0301235E", 4)], [("0301234D", 3), ("0301235E", 40)]


@pytest.mark.parametrize(
    ("output", "result"),
    [
        (report(RIGHT), Result.RIGHT),
        (report(WRONG), Result.MISREAD),
        (report(WRONG, problems=[(3, "outlier")]), Result.QUESTION),
        (report(WRONG, problems=[(2, "outlier")]), Result.MISREAD),
        (report(WRONG, problems=[(3, "email_missing")], unticked=[3]), Result.MISREAD),
        (report(WRONG, unticked=[3]), Result.QUESTION),
        (report([*RIGHT, ("0301236F", 1)]), Result.MISREAD),
        (report(RIGHT[:1]), Result.MISREAD),
        (report(RIGHT[:1], problems=[(9, "no_match")]), Result.QUESTION),
        (report(RIGHT[:1], problems=[(9, "ignored")]), Result.MISREAD),
        (report([], state="rejected"), Result.REFUSED),
    ],
)
def test_a_number_is_misread_in_silence_where_no_word_warns_of_it(output, result):
    drawn = DrawnUpList(NAME, NAME, b"", Want.ASK, dict(RIGHT), "")
    outcome = judge(drawn, output)
    assert outcome.result == result
    assert bool(outcome.silent) == (result is Result.MISREAD)


COLUMN, ROWS = ask("ambiguous_column", "C", "D"), ask("row_categories", "F:oui", "F:non", multiple=True)
OPEN = report(WRONG, questions=[COLUMN])


@pytest.mark.parametrize(
    ("output", "answered", "result"),
    [
        (OPEN, [({"ambiguous_column": "D"}, report(RIGHT))], Result.QUESTION),
        (OPEN, [({"ambiguous_column": "C"}, report(WRONG)), ({"ambiguous_column": "D"}, report([]))], Result.MISREAD),
        # Read as meant but for the answer that it waits for.
        (report(RIGHT, questions=[COLUMN]), [({"ambiguous_column": "C"}, report(WRONG))], Result.MISREAD),
        # It is answered by choosing a column.
        (report(WRONG, questions=[ask("units_source_missing")]), [], Result.QUESTION),
        # Some of the options are to be taken.
        (
            report([*RIGHT, ("0301236F", 1)], questions=[ROWS]),
            [
                ({"row_categories": "F:oui/F:non"}, report(RIGHT)),
                ({"row_categories": "F:oui,F:non/"}, report([*RIGHT, ("0301236F", 1)])),
            ],
            Result.QUESTION,
        ),
        # The answer raises the next question.
        (
            OPEN,
            [
                ({"ambiguous_column": "C"}, report(WRONG, questions=[ask("doubtful_numbers", "give-C", "add-C")])),
                ({"ambiguous_column": "C", "doubtful_numbers": "add-C"}, report(RIGHT)),
                ({"ambiguous_column": "D"}, report(WRONG)),
            ],
            Result.QUESTION,
        ),
    ],
)
def test_a_question_excuses_a_list_that_one_of_its_answers_reads_as_meant(output, answered, result):
    drawn = DrawnUpList(NAME, NAME, b"", Want.ASK, dict(RIGHT), "")
    assert judge(drawn, output, answered).result == result


def test_a_sentence_about_the_list_excuses_no_row():
    drawn = DrawnUpList(NAME, NAME, b"", Want.ASK, dict(RIGHT), "")
    output = report(WRONG) | {"remarks": ["La ligne 3 a plus de cases que le tableau n'a de colonnes."]}
    assert judge(drawn, output).silent == ["0301235E: 40 instead of 4"]


@pytest.mark.parametrize(
    ("want", "fulfilling"),
    [
        (Want.READ, {Result.RIGHT}),
        (Want.ASK, {Result.RIGHT, Result.QUESTION, Result.REFUSED}),
        (Want.REFUSE, {Result.REFUSED}),
    ],
)
def test_a_list_that_should_be_read_is_not_fulfilled_by_a_question(want, fulfilling):
    outputs = [
        report(RIGHT), report(WRONG), report(WRONG, questions=[ask("sheets")]), report([], state="rejected"),
    ]  # fmt: skip
    outcomes = [judge(DrawnUpList(NAME, NAME, b"", want, dict(RIGHT), ""), output) for output in outputs]
    assert {outcome.result for outcome in outcomes if outcome.fulfilled} == fulfilling


def test_one_wrong_match_in_two_thousand_of_high_confidence_is_the_most():
    score = ConfidenceScore()
    for number in range(2_000):
        score.add(0.97, wrong=number == 0)
    score.add(0.71, wrong=True)
    assert score.failures() == []
    assert score.figures()["deciles"] == {"0.7": {"matches": 1, "wrong": 1}, "0.9": {"matches": 2_000, "wrong": 1}}
    score.add(None, wrong=True)
    assert len(score.failures()) == 1


@pytest.mark.parametrize(
    ("number", "questions", "silent"),
    [(4, [], 0), (40, [], 1), (40, ["row_categories"], 1), (None, ["ambiguous_column"], 0), (None, [], 1)],
)
def test_a_question_excuses_a_damaged_row_that_has_no_number_yet(number, questions, silent):
    file = DamagedFile(
        NAME, NAME, b"", {("", 2): ExpectedRow(ExpectedMatch.CODED, "0301235E", 4)}, {"quantity": "Licences"}, (1,)
    )
    output = report([("0301235E", number)], problems=[(None, code) for code in questions])
    read = {"header_row": 1, "sheet": "", "columns": {"uai": "UAI", "units": "Licences"}}
    assert score_file(file, output | read).silent == silent
