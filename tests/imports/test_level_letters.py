"""Levels of schools written as M and E."""

import pytest

from imports.columns import Meaning
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.imports.sample_files import build_csv


def parse(title, *letters):
    rows = [[name, letter, 2] for name, letter in zip(("Zola", "Zola", "Hugo", "Hugo"), letters, strict=True)]
    return parse_spreadsheet(build_csv([["Ecole", title, "nb"], *rows]), ParsingOptions())


@pytest.mark.parametrize("title", ["M/E", "", "Niv."])
def test_a_column_of_m_and_e_tells_the_levels(title):
    parsed = parse(title, "M", "E", "m", "P")
    assert parsed.titles[parsed.columns[Meaning.KIND]] == title
    assert [row.cells["kind"] for row in parsed.rows] == ["maternelle", "élémentaire", "maternelle", "primaire"]
    assert not parsed.questions


@pytest.mark.parametrize("letters", [("M", "Mme", "M", "Mme"), ("M", "M", "M", "M"), ("E", "M", "X", "E")])
def test_other_letters_are_no_levels(letters):
    assert Meaning.KIND not in parse("C", *letters).columns
