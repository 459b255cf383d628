"""Parsers of single cells."""

import datetime
from typing import Any

import pytest
from django.core.validators import validate_email
from hypothesis import given
from hypothesis import strategies as st

from imports.cells import cell_to_text, normalize_phone, parse_class_count, parse_email, parse_quantity
from imports.parsing.cell_classification import classify_cell
from imports.problems import Problem


@pytest.mark.parametrize("cell", [30, 30.0, "30", "30 ", " 30", "30.0", "30,00", "\u00a030"])
def test_thirty_is_thirty_however_it_is_written(cell):
    assert parse_quantity(cell) == 30


@pytest.mark.parametrize("cell", ["1 234", "1\u202f234", "1\u00a0234", 1234])
def test_thousands_separators_are_accepted(cell):
    assert parse_quantity(cell) == 1234


@pytest.mark.parametrize("cell", [0, 0.0, "0"])
def test_no_licences_is_a_number_too(cell):
    assert parse_quantity(cell) == 0


@pytest.mark.parametrize(
    "cell",
    ["", " ", None, -1, "-1", 10**12, float(10**12), "nan", float("nan"), float("inf"), "1e400", "2.5", 2.5,
     "#N/A", "trente", True, datetime.date(2026, 9, 1), "٣", "3 4", "²"],
)  # fmt: skip
def test_what_is_no_number_of_licences_is_refused(cell):
    problem = parse_quantity(cell)
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
def test_an_email_address_is_extracted_from_its_surroundings(cell, address):
    if cell is None:
        assert isinstance(parse_email(cell), Problem)
    else:
        assert parse_email(cell) == address


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("a@b", "email_invalid"),
        ("a b@c.fr", "email_invalid"),
        ("à@b.fr", "email_invalid"),
        ("a..b@c.fr", "email_invalid"),
        ("x" * 65 + "@b.fr", "email_invalid"),
        ("a@b.fr; c@d.fr", "multiple_emails"),
        (12345, "email_invalid"),
    ],
)
def test_an_invalid_email_address_is_refused(cell, code):
    problem = parse_email(cell)
    assert isinstance(problem, Problem)
    assert problem.code == code


LONG = "direction.ecole.elementaire.jean.jaures"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (f"{LONG}@a.fr, b@c.fr / d@e.fr", f"Cette case contient plusieurs adresses ({LONG}@a.fr, b@c.fr, d@e.fr)"),
        ("Mme A <a@b.fr>, Mme C <c@d.fr> / e@f.fr", "Cette case contient plusieurs adresses (a@b.fr, c@d.fr, e@f.fr)"),
        ("; ".join(f"{n}@b.fr" for n in "acdef"), "(a@b.fr, c@b.fr, d@b.fr, e@b.fr, …)"),
        (
            f"{LONG}@ac-montpellier.fr ; {LONG}@nimes",
            f"« {LONG}@nimes » n'est pas une adresse e-mail : il manque la fin",
        ),
        (f"{LONG * 3}.fr", f"« {(LONG * 3)[:80]}… » n'est pas une adresse e-mail : il y manque le signe @."),
    ],
)
def test_the_addresses_of_a_cell_are_parted_whatever_stands_between(cell, message):
    """The one that is wrong is named, whole; what is too long to show says that it is cut."""
    problem: Any = parse_email(cell)
    assert message in problem.message


# The first draw loads the table of Unicode's characters, which takes seconds on a busy machine.
@pytest.mark.slow
@given(st.emails() | st.from_regex(r"[a-z0-9.@_-]{1,30}@[a-z0-9.-]{1,20}\.[a-z]{2,4}", fullmatch=True))
def test_an_accepted_email_address_is_valid_for_django(text):
    address = parse_email(text)
    if isinstance(address, str) and address:
        validate_email(address)


@pytest.mark.slow
@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(), st.booleans(), st.datetimes(), st.none()))
def test_no_cell_crashes_a_parser(cell):
    for read in (parse_quantity, parse_class_count, parse_email, normalize_phone, cell_to_text, classify_cell):
        read(cell)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("trente", "« trente » n'est pas un nombre."),
        ("1.234", "« 1.234 » peut se lire de deux façons"),
        ("1,000", "« 1,000 » peut se lire de deux façons"),
        ("-3", "« -3 » est un nombre négatif."),
        (2.5, "« 2.5 » n'est pas un nombre entier."),
        ("12,5", "« 12,5 » n'est pas un nombre entier."),
        ("1e400", "« 1e400 » est un nombre démesuré."),
        ("3 à 5", "« 3 à 5 » contient plusieurs nombres."),
        ("#REF!", "Cette case contient l'erreur « #REF! » de votre tableur."),
        (datetime.datetime(2026, 4, 3), "Cette case contient une date (03/04/2026)"),  # noqa: DTZ001 - as the formats give it
        (True, "« VRAI » n'est pas un nombre."),
    ],
)
def test_the_error_says_what_is_wrong_with_a_number(cell, message):
    problem: Any = parse_quantity(cell)
    assert problem.message.startswith(message)
    assert problem.message.endswith("Indiquez un nombre entier de licences.")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("30 classes", 30),
        ("12 lic.", 12),
        ("5 cl.", 5),
        ("3 clés", 3),
        ("7 (licences)", 7),
        ("12,0", 12),
        ("2 unités", 2),
    ],
)
def test_a_unit_behind_a_number_changes_nothing(cell, number):
    assert parse_quantity(cell) == number


@pytest.mark.parametrize("cell", ["30 élèves", "30 euros", "30 %", "30 CP"])
def test_a_number_of_another_unit_is_refused(cell):
    assert isinstance(parse_quantity(cell), Problem)


def test_an_unreadable_class_count_is_a_warning():
    assert parse_class_count("") is None
    assert parse_class_count("5 classes") == 5
    problem: Any = parse_class_count("cinq")
    assert (problem.column, problem.blocking) == ("classes", False)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("jean dupont@ac.fr", "elle contient une espace."),
        ("école@ville.fr", "le caractère « é » n'y est pas permis."),
        ("ecole.ville.fr", "il y manque le signe @."),
        ("ecole@ville", "il manque la fin de son domaine (.fr, .org…)."),
        ("a..b@c.fr", "un point y est mal placé."),
        ("@c.fr", "il y manque ce qui précède le signe @."),
        ("a@@c.fr", "elle contient plusieurs signes @."),
        ("#N/A", "c'est une erreur de votre tableur."),
    ],
)
def test_the_error_says_what_is_wrong_with_an_email_address(cell, message):
    problem: Any = parse_email(cell)
    assert problem.message == f"« {cell} » n'est pas une adresse e-mail : {message}"


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (466123456.0, "04 66 12 34 56"),
        ("0466123456", "04 66 12 34 56"),
        ("04.66.12.34.56", "04 66 12 34 56"),
        ("04-66-12-34-56", "04 66 12 34 56"),
        ("+33 4 66 12 34 56", "04 66 12 34 56"),
        ("+33 (0)4 66 12 34 56", "04 66 12 34 56"),
        ("0033466123456", "04 66 12 34 56"),
        ("04/66/12/34/56", "04 66 12 34 56"),
        ("04 66 12 34 56 / 06 12 34 56 78", "04 66 12 34 56, 06 12 34 56 78"),
        ("04 66 12 34 56 ou 0466123456", "04 66 12 34 56"),
        ("+32 2 123 45 67", "+32 2 123 45 67"),
        ("voir mairie", "voir mairie"),
        ("", ""),
    ],
)
def test_a_telephone_number_is_written_as_it_is_in_france(cell, number):
    assert normalize_phone(cell) == number
