"""What the bench says of a probe: read as meant, asked with the right answer among others, or misread in silence."""

import pytest

from bench import list_probes
from bench.damaged import synthetic_directory
from bench.drawn_up.probes import Probe, ProbeKind
from bench.drawn_up.probes import list_probes as make_probes
from bench.list_probes import ProbeResult, judge_probe
from imports.layout import AnswerOption, LayoutQuestion
from imports.parsing.rows import ParsedRow
from imports.parsing.spreadsheet import ParsedSheet
from imports.problems import RowNote

#: Row 2 is given 3 licences, row 3 is not meant.
TRUTH = {2: 3}
DECLINED = RowNote("", "declined", "« Statut » dit « Refusé ».")
NOTED = RowNote("", "remark", "Le tableau dit « pas cette année ».")


def row(number, units, note=None):
    notes = (note,) if note else ()
    return ParsedRow(0, number, {}, "", units, None, "", "", [], "", notes)


def ask(code, *values, multiple=False):
    return LayoutQuestion("", code, "", tuple(AnswerOption(value, value) for value in values), multiple=multiple)


MEANT, ALL, NONE = [row(2, 3)], [row(2, 3), row(3, 4)], [row(2, None), row(3, None)]
CATEGORIES, NUMBERS = ask("row_categories", "F:oui", "F:non", multiple=True), ask("doubtful_numbers", "give-D", "not-D")


@pytest.fixture
def judge(monkeypatch):
    """Judge a probe whose list is read as given: without answers, and with those after it."""

    def judge_one(kind, rows, questions=(), answered=()):
        def parse(content, options):
            for answers, given in answered:
                if options.answers == answers:
                    return ParsedSheet(rows=given)
            return ParsedSheet(rows=rows, questions=questions)

        monkeypatch.setattr(list_probes, "parse_spreadsheet", parse)
        truth = {} if kind is ProbeKind.CONTRARY_TITLE else TRUTH
        return judge_probe(Probe(kind, "Statut", "", b"", truth)).result

    return judge_one


@pytest.mark.parametrize(
    ("rows", "questions", "answered", "result"),
    [
        (MEANT, [], [], ProbeResult.RIGHT),
        (ALL, [], [], ProbeResult.SILENT),
        ([MEANT[0], row(3, 4, DECLINED)], [], [], ProbeResult.RIGHT),
        ([MEANT[0], row(3, 4, NOTED)], [], [], ProbeResult.SILENT),
        (ALL, [CATEGORIES], [({"row_categories": "F:oui/F:non"}, MEANT)], ProbeResult.ASKED),
        (ALL, [CATEGORIES], [({"row_categories": "F:oui/F:non"}, [])], ProbeResult.UNANSWERABLE),
        (ALL, [ask("units_source_missing")], [], ProbeResult.UNANSWERABLE),
    ],
)
def test_a_row_that_is_not_meant_is_unticked_or_asked(judge, rows, questions, answered, result):
    assert judge(ProbeKind.REFUSING_COLUMN, rows, questions, answered) == result


@pytest.mark.parametrize(
    ("rows", "questions", "answered", "result"),
    [
        (NONE, [], [], ProbeResult.RIGHT),
        (MEANT, [], [], ProbeResult.SILENT),
        (MEANT, [NUMBERS], [({"doubtful_numbers": "not-D"}, NONE)], ProbeResult.ASKED),
        (MEANT, [NUMBERS], [], ProbeResult.UNANSWERABLE),
        (NONE, [ask("units_source_missing")], [], ProbeResult.ASKED),
    ],
)
def test_a_number_that_is_not_meant_is_left_or_asked(judge, rows, questions, answered, result):
    assert judge(ProbeKind.CONTRARY_TITLE, rows, questions, answered) == result


@pytest.mark.parametrize(
    ("questions", "result"),
    [
        ([], ProbeResult.SILENT),
        ([NUMBERS], ProbeResult.UNANSWERABLE),
        ([ask("doubtful_numbers", "give-D", "add-D", "not-D")], ProbeResult.ASKED),
    ],
)
def test_a_number_that_adds_is_asked(judge, questions, result):
    assert judge(ProbeKind.ADDING_TITLE, MEANT, questions) == result


@pytest.mark.parametrize(
    ("rows", "questions", "result"),
    [
        (MEANT, [], ProbeResult.RIGHT),
        (MEANT, [CATEGORIES], ProbeResult.NEEDLESS),
        ([row(2, 3, DECLINED)], [], ProbeResult.NEEDLESS),
        ([row(2, 30)], [], ProbeResult.SILENT),
    ],
)
def test_what_is_harmless_is_not_asked(judge, rows, questions, result):
    assert judge(ProbeKind.HARMLESS_COLUMN, rows, questions) == result


def probes():
    schools = [each for each in synthetic_directory.generate_schools(400) if each.kind == "elementaire"]
    return list(make_probes(schools))


def test_there_are_probes_enough_and_each_is_another():
    made = probes()
    count = dict.fromkeys(ProbeKind, 0)
    for probe in made:
        count[probe.kind] += 1
        assert (probe.kind is ProbeKind.CONTRARY_TITLE) == (not probe.truth), probe.label
    assert len({(probe.kind, probe.label) for probe in made}) == len(made)
    assert count[ProbeKind.REFUSING_COLUMN] >= 110
    assert count[ProbeKind.REMARK] >= 40
    assert count[ProbeKind.CONTRARY_TITLE] >= 110
    assert count[ProbeKind.GIVING_TITLE] >= 110
    assert count[ProbeKind.HARMLESS_COLUMN] >= 50


PLAIN = {
    "« Licences »",
    "« Nb de classes »",
    "« Circonscription » : Val-Nord, Val-Sud, Plaine",
    "« Décision » : Attribué / Refusé",
    "« Classes fermées »",
}


def test_plain_probes_are_read_or_asked():
    outcomes = {each.label: judge_probe(each).result for each in probes() if each.label in PLAIN}
    assert outcomes.keys() == PLAIN
    assert set(outcomes.values()) <= {ProbeResult.RIGHT, ProbeResult.ASKED}


@pytest.mark.slow
def test_no_probe_is_misread_in_silence():
    assert list_probes.list_probes_measure().failures() == []
