"""One cell at a time, as people leave it."""

from __future__ import annotations

import datetime

import pytest
from django.core.validators import validate_email
from hypothesis import given
from hypothesis import strategies as st

from imports.cells import text_of
from imports.contents import look_of
from imports.emails import read_email
from imports.numbers import read_classes, read_quantity
from imports.phones import read_phone
from imports.problems import Problem


@pytest.mark.parametrize("cell", [30, 30.0, "30", "30 ", " 30", "30.0", "30,00", "\u00a030"])
def test_thirty_is_thirty_however_it_is_written(cell):
    assert read_quantity(cell) == 30


@pytest.mark.parametrize("cell", ["1 234", "1\u202f234", "1\u00a0234", 1234])
def test_thousands_may_be_parted(cell):
    assert read_quantity(cell) == 1234


@pytest.mark.parametrize("cell", [0, 0.0, "0"])
def test_no_licences_is_a_number_too(cell):
    assert read_quantity(cell) == 0


@pytest.mark.parametrize(
    "cell",
    ["", " ", None, -1, "-1", 10**12, float(10**12), "nan", float("nan"), float("inf"), "1e400", "2.5", 2.5,
     "#N/A", "trente", True, datetime.date(2026, 9, 1), "٣", "3 4", "²"],
)  # fmt: skip
def test_what_is_no_number_of_licences_is_refused(cell):
    problem = read_quantity(cell)
    assert isinstance(problem, Problem)
    assert problem.column == "units"


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
        assert isinstance(read_email(cell), Problem)
    else:
        assert read_email(cell) == address


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
    problem = read_email(cell)
    assert isinstance(problem, Problem)
    assert problem.code == code


@given(st.emails() | st.from_regex(r"[a-z0-9.@_-]{1,30}@[a-z0-9.-]{1,20}\.[a-z]{2,4}", fullmatch=True))
def test_an_address_that_is_accepted_is_one_that_can_be_written_to(text):
    address = read_email(text)
    if isinstance(address, str) and address:
        validate_email(address)


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(), st.booleans(), st.datetimes(), st.none()))
def test_no_cell_breaks_a_reader(cell):
    for read in (read_quantity, read_classes, read_email, read_phone, text_of, look_of):
        read(cell)
