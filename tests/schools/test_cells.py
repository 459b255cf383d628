"""Parsing single cells of the directory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from schools.directory import reading
from tests.schools.directory_files import make_uai

ANY = st.text(max_size=20)


@pytest.mark.parametrize(
    ("read", "text", "meaning"),
    [
        (reading.parse_postal_code, "30000", "30000"),
        (reading.parse_postal_code, "1500", "01500"),
        (reading.parse_postal_code, "150", None),
        (reading.parse_commune_code, "1004", "01004"),
        (reading.parse_commune_code, "2a004", "2A004"),
        (reading.parse_commune_code, "2E+04", None),
        (reading.parse_departement_code, "21", "021"),
        (reading.parse_departement_code, "1", "001"),
        (reading.parse_departement_code, "2A", "02A"),
        (reading.parse_departement_code, "974", "974"),
        (reading.parse_departement_code, "9740", None),
        (reading.parse_phone, "466000001", "04 66 00 00 01"),
        (reading.parse_phone, "04.66.00.00.01", "04 66 00 00 01"),
        (reading.parse_phone, "+33 4 66 00 00 01", "04 66 00 00 01"),
        (reading.parse_phone, "+33 (0)4 66 00 00 01", "04 66 00 00 01"),
        (reading.parse_phone, "40 50 12 34", "40 50 12 34"),
        (reading.parse_phone, "4,66E+08", None),
        (reading.parse_phone, "néant", None),
        (reading.parse_siret, "21300189400012", "21300189400012"),
        (reading.parse_siret, "213 001 894 00012", "21300189400012"),
        (reading.parse_siret, "2,13002E+13", None),
        (reading.parse_siret, "2130018940001", None),
        (reading.parse_email, "ce.0301001A@ac-exemple.example", "ce.0301001A@ac-exemple.example"),
        (reading.parse_email, "a@exemple.example ; b@exemple.example", "a@exemple.example"),
        (reading.parse_email, "néant", None),
        (reading.parse_flag, "1", True),
        (reading.parse_flag, "0", False),
        (reading.parse_flag, "", None),
        (reading.parse_sector, "SECTEUR PRIVE", "Privé"),
    ],
)
def test_a_cell_is_parsed(read, text, meaning):
    assert read(text) == meaning


def test_a_siret_without_its_zero_is_confirmed_by_luhn():
    digits = "0552081310001"
    siret = digits + luhn.calc_check_digit(digits)
    assert reading.parse_siret(siret[1:]) == siret
    wrong = siret[:-1] + str((int(siret[-1]) + 1) % 10)
    assert reading.parse_siret(wrong[1:]) is None


@pytest.mark.parametrize(
    ("third", "kept"),
    [
        ("30100 ALES", ""),
        ("BP 508 01500 AMBERIEU EN BUGEY", "BP 508"),
        ("Quartier des Pins", "Quartier des Pins"),
        ("BP 12345", "BP"),
        ("", ""),
    ],
)
def test_the_third_line_of_an_address_mostly_repeats_the_town(third, kept):
    assert reading.join_address_lines("", third) == kept
    assert reading.join_address_lines("BP 1", third) == ", ".join(filter(None, ["BP 1", kept]))


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "4,88E+14", "48751139", "", "48.7.5", "--1"])
def test_coordinates_off_the_globe_are_dropped(text):
    assert reading.parse_degrees(text, 90) is None


def test_french_decimals_are_read():
    assert reading.parse_degrees("-1,5", 180) == -1.5


@pytest.mark.parametrize(
    ("nature", "kind", "flags", "meaning"),
    [
        ("340", "Collège", (None, None), (False, False)),
        ("101", "Ecole", (None, None), (True, False)),
        ("151", "Ecole", (None, None), (None, True)),
        ("101", "Ecole", (True, True), (True, True)),
        ("241", "Médico-social", (None, None), (None, None)),
        ("", "", (None, True), (None, True)),
    ],
)
def test_levels_follow_from_what_a_school_is(nature, kind, flags, meaning):
    assert reading.infer_levels(nature, kind, nursery=flags[0], elementary=flags[1]) == meaning


@pytest.mark.slow
@given(ANY)
def test_parsing_never_fails_and_is_idempotent(text):
    text = reading.tidy(text)
    for read in (
        reading.parse_postal_code,
        reading.parse_commune_code,
        reading.parse_departement_code,
        reading.parse_phone,
        reading.parse_siret,
        reading.parse_email,
    ):
        meaning = read(text)
        assert meaning is None or read(meaning) == meaning
    reading.parse_degrees(text, 90)


def test_an_empty_cell_says_that_there_is_none_but_of_flags_degrees_and_the_state():
    texts = ("sector", "postal_code", "commune_code", "departement_code", "phone", "email", "siret")
    silent = ("has_nursery", "has_elementary", "latitude", "longitude", "state")
    cells = dict.fromkeys([*texts, *silent], "") | {"uai": make_uai(1), "name": "École"}
    school = reading.RowReader({name: index for index, name in enumerate(cells)})(2, list(cells.values()))
    assert {getattr(school, name) for name in texts} == {""}
    assert {getattr(school, name) for name in silent} == {None}
