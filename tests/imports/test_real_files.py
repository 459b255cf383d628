"""Real spreadsheets outside the repository, against the real directory; e-mail stays on this machine."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from imports.enums import Verdict
from imports.models import ImportRow
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from licensing.pools.models import Allocation
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from schools.models import School
from schools.uai import is_valid, normalise
from tests.factories.licensing import PoolFactory
from tests.tiers import sampled

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = next((p / "shared" / "data" for p in ROOT.parents if (p / "shared" / "data").is_dir()), ROOT / "absent")
VAL_DE_MARNE = SHARED / "spreadsheets" / "d01_val-de-marne_excel_numbers_banner.xlsx"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not VAL_DE_MARNE.is_file(), reason="the real extracts are not beside the project"),
]


@pytest.mark.slow
def test_the_613_schools_of_val_de_marne_receive_a_key_each(nimes, sink):
    call_command("sync_directory", str(SHARED / "directory" / "annuaire_idf-partiel_2026-05.csv"), stdout=io.StringIO())
    pool = PoolFactory(capacity=700)
    out = io.StringIO()
    call_command(
        "import_spreadsheet", str(VAL_DE_MARNE), "--collectivity=nimes", f"--pool={pool.pk}", "--quantity=1",
        "--apply", "--json", stdout=out,
    )  # fmt: skip
    output = json.loads(out.getvalue())
    assert (output["sheet"], output["header_row"], output["rows"]) == ("Ecoles 94", 4, 614)
    assert output["columns"]["uai"] == "RNE"
    assert output["columns"]["email"] == "MAIL"
    assert len(output["resolved"]) == output["applied"] == output["messages"] == 613
    assert {row["match_method"] for row in output["resolved"]} == {"uai"}
    assert output["verdicts"] == dict.fromkeys(Verdict.values, 0) | {"new": 613, "ignored": 1}
    ignored = ImportRow.objects.get(verdict=Verdict.IGNORED)
    assert (ignored.number, ignored.ignored_reason) == (625, "Ligne de total.")
    assert {row["uai"] for row in output["resolved"]} == set(School.objects.values_list("uai", flat=True))
    assert Allocation.objects.count() == Message.objects.count() == 613
    # To an SMTP server of this process; a drain of a busy machine ends before it has sent all.
    assert sum(iter(drain, 0)) == len(sink.received) == 613
    assert not Message.objects.exclude(state=MessageState.SENT).exists()
    # No wrong match: each row's school is the one of its UAI.
    written = {row.number: row.cells["uai"] for row in ImportRow.objects.exclude(uai="")}
    assert {row["row"]: row["uai"] for row in output["resolved"]} == written


@pytest.mark.parametrize(
    ("name", "columns", "rows", "faults"),
    sampled([
        (
            "m1_monstage_cites_educatives.csv",
            {"uai": "UAI", "name": "NAME", "commune": "CITY", "postal_code": "ZIPCODE", "address": "STREET"},
            23,
            0,
        ),
        (
            "m1_monstage_college-rep.csv",
            {"uai": "Code UAI", "name": "Collèges", "commune": "COMMUNE", "departement": "Départements"},
            731,
            6,
        ),
        (
            "m1_monstage_seed-schools-light.csv",
            {"uai": "Code UAI", "name": "ETABLISSEMENT", "commune": "Commune", "postal_code": "zipcode",
             "departement": "Département"},
            200,
            3,
        ),
        (
            "m05_grandlyon_colleges.csv",
            {"uai": "uai", "email": "mail", "name": "nom", "commune": "commune", "postal_code": "code_postal",
             "address": "adresse", "kind": "nature", "phone": "telephone"},
            231,
            0,
        ),
    ], fast=2),
)  # fmt: skip
def test_real_spreadsheets_are_parsed_with_the_right_columns(name, columns, rows, faults):
    parsed_sheet = parse_spreadsheet((SHARED / "spreadsheets" / name).read_bytes(), ParsingOptions(units_for_all=1))
    assert {meaning.value: parsed_sheet.titles[index] for meaning, index in parsed_sheet.columns.items()} == columns
    assert (parsed_sheet.regions, parsed_sheet.questions, parsed_sheet.remarks) == ([(0, 1)], [], [])
    assert len(parsed_sheet.rows) == rows
    assert sum(not is_valid(normalise(row.cells.get("uai", ""))) for row in parsed_sheet.rows) == faults
    assert not any(row.ignored for row in parsed_sheet.rows)


@pytest.mark.slow
def test_telephone_numbers_get_their_leading_zero_back():
    parsed_sheet = parse_spreadsheet(VAL_DE_MARNE.read_bytes(), ParsingOptions(units_for_all=1))
    assert {row.phone[:2] for row in parsed_sheet.rows if row.phone} <= {"01", "06", "07", "09"}
    assert all(len(row.phone) == len("01 23 45 67 89") for row in parsed_sheet.rows if row.phone)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["annuaire_occitanie_2024-11.csv", "annuaire_idf-partiel_2026-05.csv"])
def test_the_national_directory_export_is_a_valid_spreadsheet(name):
    parsed_sheet = parse_spreadsheet((SHARED / "directory" / name).read_bytes(), ParsingOptions(units_for_all=1))
    assert {meaning.value: parsed_sheet.titles[index] for meaning, index in parsed_sheet.columns.items()} == {
        "uai": "Identifiant_de_l_etablissement", "name": "Nom_etablissement", "kind": "Type_etablissement",
        "address": "Adresse_1", "postal_code": "Code_postal", "commune": "Nom_commune", "phone": "Telephone",
        "email": "Mail", "departement": "Libelle_departement",
    }  # fmt: skip
    assert not parsed_sheet.questions
    assert not any(row.ignored for row in parsed_sheet.rows)


@pytest.mark.parametrize(
    "name",
    [
        "01_ecoles_en_colonnes", "02_deux_tableaux_cote_a_cote", "08_lignes_de_commentaire",
        "39_mise_en_page_imprimee", "54_second_tableau_dessous_autres_colonnes",
        "55_second_tableau_colonnes_interverties", "60_tableau_apres_118_lignes",
    ],
)  # fmt: skip
def test_lists_of_unusual_shapes_are_read_as_their_authors_meant(name):
    """Row by row: some of them have no UAI."""
    file = SHARED / "spreadsheets" / "nasty" / f"{name}.xlsx"
    truth = json.loads(file.with_name(f"{file.name}.truth.json").read_text(encoding="utf-8"))["truth"]
    parsed_sheet = parse_spreadsheet(file.read_bytes(), ParsingOptions())
    rows = [row for row in parsed_sheet.rows if not row.ignored]
    assert [row.units for row in rows] == list(truth.values())
    assert {row.cells["uai"] for row in rows if "uai" in row.cells} <= truth.keys()
    assert not parsed_sheet.questions
    # A heading that says something of the rows below it is told there.
    assert {problem.code for row in rows for problem in row.problems} <= {"file_remark"}
