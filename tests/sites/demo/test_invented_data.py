"""The demo's data: invented, valid, the same in every run."""

from itertools import pairwise

import openpyxl
import pytest
from stdnum.fr import siret

from schools.uai import is_valid
from sites.demo import directory


@pytest.mark.slow
def test_schools_are_many_valid_and_in_three_departements():
    rows = list(directory.generate_schools())
    assert len(rows) >= 1500
    assert {row["Code_departement"] for row in rows} == {"030", "034", "048"}
    numbers = [row["Identifiant_de_l_etablissement"] for row in rows]
    assert len(set(numbers)) == len(numbers)
    assert all(is_valid(number) for number in numbers)
    assert all(siret.is_valid(row["SIREN_SIRET"]) for row in rows if row["SIREN_SIRET"])


def test_nobody_real_can_be_written_to():
    assert {row["Mail"].rsplit("@")[1] for row in directory.generate_schools()} == {"ecoles-demo.example"}


def test_school_names_are_unique_within_a_commune():
    places = sorted((row["Nom_commune"], row["Nom_etablissement"]) for row in directory.generate_schools())
    assert all(one != other for one, other in pairwise(places))


@pytest.mark.slow
def test_two_runs_write_the_same_file(tmp_path):
    directory.write_csv(tmp_path / "a.csv")
    directory.write_csv(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfIdentifiant_de_l_etablissement;")


def test_the_workbook_has_the_usual_errors(tmp_path):
    directory.write_workbook(tmp_path / "dotation.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "dotation.xlsx").active.values)
    numbers = [str(row[0]) for row in rows if row[0]]
    assert rows[2][0] is None
    assert numbers[-1] == "TOTAL"
    assert any(len(number) == 7 and number[-1].isalpha() for number in numbers)
    assert any(number != number.upper() and number.strip().isalnum() for number in numbers if len(number) == 8)
    assert any(number.startswith(" ") for number in numbers)
    assert len(numbers) > len(set(numbers))
