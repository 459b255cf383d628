"""One cell at a time, as people leave it."""

from __future__ import annotations

import datetime

import pytest
from django.core.validators import validate_email
from hypothesis import given
from hypothesis import strategies as st

from imports import cells
from imports.problems import Problem


@pytest.mark.parametrize("cell", [30, 30.0, "30", "30 ", " 30", "30.0", "30,00", "\u00a030"])
def test_thirty_is_thirty_however_it_is_written(cell):
    assert cells.read_quantity(cell) == 30


@pytest.mark.parametrize("cell", ["1 234", "1\u202f234", "1\u00a0234", 1234])
def test_thousands_may_be_parted(cell):
    assert cells.read_quantity(cell) == 1234


@pytest.mark.parametrize(
    "cell",
    ["", " ", None, 0, "0", -1, "-1", 10**12, float(10**12), "nan", float("nan"), float("inf"), "1e400", "2.5", 2.5,
     "#N/A", "trente", True, datetime.date(2026, 9, 1), "٣", "3 4", "²"],
)  # fmt: skip
def test_what_is_no_number_of_licences_is_refused(cell):
    problem = cells.read_quantity(cell)
    assert isinstance(problem, Problem)
    assert problem.column == "units"


@pytest.mark.parametrize(
    ("cell", "uai", "repaired"),
    [
        ("0311131L", "0311131L", False),
        ("0311131l", "0311131L", False),
        (" 031 1131 L ", "0311131L", False),
        ("311131L", "0311131L", True),
        ("O311131L", "0311131L", True),
    ],
)
def test_a_uai_is_read_as_people_write_it(cell, uai, repaired):
    assert cells.read_uai(cell) == cells.ReadUai(uai, repaired)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "uai_missing"),
        ("0311131M", "uai_invalid"),
        ("0311131", "uai_invalid"),
        (311131.0, "uai_invalid"),
        ("TOTAL", "uai_invalid"),
        ("0311131L / 0301234D", "uai_twice"),
        ("0311131L\n0301234D", "uai_twice"),
    ],
)
def test_a_uai_that_is_none_is_said_to_be_none(cell, code):
    problem = cells.read_uai(cell)
    assert isinstance(problem, Problem)
    assert problem.code == code


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        ("ce.0311131l@ac-toulouse.fr", "ce.0311131l@ac-toulouse.fr"),
        (" Ecole@Ville.FR ", "Ecole@Ville.FR"),
        ("mailto:a@b.fr", "a@b.fr"),
        ("École Zola <zola@ville.fr>", "zola@ville.fr"),
        ("a@b.fr;", "a@b.fr"),
        ("", ""),
        (None, "None@"),
    ],
)
def test_an_address_is_taken_out_of_what_surrounds_it(cell, address):
    if cell is None:
        assert isinstance(cells.read_email(cell), Problem)
    else:
        assert cells.read_email(cell) == address


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("a@b", "email_invalid"),
        ("a b@c.fr", "email_invalid"),
        ("à@b.fr", "email_invalid"),
        ("a..b@c.fr", "email_invalid"),
        ("x" * 65 + "@b.fr", "email_invalid"),
        ("a@b.fr; c@d.fr", "email_twice"),
        (12345, "email_invalid"),
    ],
)
def test_what_is_no_address_is_refused(cell, code):
    problem = cells.read_email(cell)
    assert isinstance(problem, Problem)
    assert problem.code == code


@given(st.emails() | st.from_regex(r"[a-z0-9.@_-]{1,30}@[a-z0-9.-]{1,20}\.[a-z]{2,4}", fullmatch=True))
def test_an_address_that_is_accepted_is_one_that_can_be_written_to(text):
    address = cells.read_email(text)
    if isinstance(address, str) and address:
        validate_email(address)


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(), st.booleans(), st.datetimes(), st.none()))
def test_no_cell_breaks_a_reader(cell):
    for read in (cells.read_quantity, cells.read_uai, cells.read_email, cells.text_of):
        read(cell)
