"""Lists outside the repository whose number stands in several columns: added up or asked about, never one alone."""

import json

import pytest

from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.imports.test_real_files import SHARED

NASTY = SHARED / "spreadsheets" / "nasty"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not NASTY.is_dir(), reason="the lists are not beside the project"),
]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("09_classes_par_niveau_sans_total.xlsx", {"level_columns": "C+D+E+F+G"}),
        ("09c_nombre_de_classes_fusionne_sur_niveaux.xlsx", {}),
    ],
)
def test_levels_are_added_up_as_the_list_says(name, answers):
    content = (NASTY / name).read_bytes()
    truth = json.loads((NASTY / f"{name}.truth.json").read_text(encoding="utf-8"))["truth"]
    parsed = parse_spreadsheet(content, ParsingOptions(answers=answers))
    assert {row.cells["uai"]: row.units for row in parsed.rows} == truth
    assert not parsed.questions
    assert not answers or [q.code for q in parse_spreadsheet(content, ParsingOptions()).questions] == list(answers)


def test_what_was_granted_is_proposed_first():
    content = (NASTY / "09h_licences_demandees_accordees.xlsx").read_bytes()
    [question] = parse_spreadsheet(content, ParsingOptions()).questions
    assert [option.value for option in question.options] == ["D", "C"]
