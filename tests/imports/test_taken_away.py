"""Workbooks to download: templates, the report of an import, the list of imports."""

from __future__ import annotations

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from collectivities.models import Role
from imports import operations, queries, starting, tasks
from imports.enums import ImportState, Purpose
from imports.models import Import, ImportRow
from imports.starting import workbook_to_start_from
from licensing.pools.operations import allocate
from licensing.subscriptions.queries import key_display
from tests.conftest import TERM
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import listing, uploaded
from tests.imports.files import saved, xlsx


def url(name, *args):
    return reverse(f"imports:{name}", urlconf="config.urls_tenant", args=args)


def opened(content):
    return openpyxl.load_workbook(io.BytesIO(content))


@pytest.fixture
def officer(office, member):
    return office("nimes", member(Role.DATA_OFFICER))


@pytest.fixture
def remit(nimes):
    schools = SchoolFactory.create_batch(3)
    for school in schools:
        SchoolInRemitFactory(school=school, contact_name="=1+1", contact_email="a@ville.fr", classes=4)
    return schools


def read_back(book, purpose, pool=None):
    spreadsheet_import = operations.upload(
        purpose=purpose,
        pool_id=pool.pk if pool else None,
        filename="modèle.xlsx",
        content=saved(book),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def test_a_template_filled_in_is_read_without_a_question(officer, pool, remit):
    allocate(pool_id=pool.pk, uai=remit[0].uai, units=2, recipient="a@b.fr", by=None, at=TERM)
    book = opened(officer.get(url("template", "attribution"), {"lot": pool.pk}).content)
    sheet = book["Écoles"]
    held = {row[0].value: row[3].value for row in sheet.iter_rows(min_row=2)}
    assert held == {remit[0].uai: 2, remit[1].uai: None, remit[2].uai: None}
    for line in range(2, 5):
        sheet.cell(line, 4).value = 5
    sheet["A5"], sheet["D5"] = SchoolFactory().uai, 1
    spreadsheet_import = read_back(book, Purpose.ATTRIBUTION, pool)
    assert (spreadsheet_import.state, spreadsheet_import.layout["questions"], spreadsheet_import.layout["remarks"]) == (
        ImportState.CHECKED,
        [],
        [],
    )
    assert spreadsheet_import.layout["volume"] == "column"
    rows = ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("number")
    assert [row.units for row in rows] == [5, 5, 5, 1]
    assert sorted(row.verdict for row in rows) == ["changed", "new", "new", "new"]


def test_the_portfolio_comes_back_unchanged_from_its_template(officer, remit):
    book = opened(officer.get(url("template", "perimetre")).content)
    assert book["Écoles"]["D2"].data_type == "s"
    spreadsheet_import = read_back(book, Purpose.REMIT)
    assert (spreadsheet_import.state, spreadsheet_import.layout["questions"]) == (ImportState.CHECKED, [])
    assert set(ImportRow.objects.filter(import_id=spreadsheet_import.pk).values_list("verdict", flat=True)) == {
        "unchanged"
    }


def test_a_template_checks_its_cells(pool, remit):
    rules = {
        str(rule.sqref)[0]: rule
        for rule in opened(workbook_to_start_from(Purpose.ATTRIBUTION, pool))["Écoles"].data_validations.dataValidation
    }
    assert (rules["D"].type, rules["D"].formula1) == ("whole", "1")
    assert "au moins 1" in rules["D"].error
    assert (rules["A"].type, rules["A"].errorStyle) == ("list", "warning")
    assert rules["F"].type == "custom"


def test_a_large_portfolio_is_not_prefilled(pool, remit, monkeypatch):
    monkeypatch.setattr(starting, "MOST_SCHOOLS", 2)
    book = opened(workbook_to_start_from(Purpose.ATTRIBUTION, pool))
    assert book.sheetnames == ["Écoles", "Mode d'emploi"]
    assert book["Écoles"].max_row == 1
    assert "3 écoles" in book["Mode d'emploi"].cell(book["Mode d'emploi"].max_row, 1).value


def test_the_report_contains_everything_but_the_key(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = uploaded(
        pool, listing((school, 3), ("0300000Z", "x"), titles=("UAI", "=Licences")), filename="a.csv"
    )
    operations.choose(
        import_id=spreadsheet_import.pk,
        sheets=None,
        header_row=1,
        columns={"uai": 0, "units": 1},
        volume="column",
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    operations.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.digest(spreadsheet_import),
        send_on=None,
        only_valid=True,
        by=None,
        at=TERM,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=TERM.isoformat())
    content = officer.get(url("report", spreadsheet_import.pk)).content
    book = opened(content)
    titles, first, second = ([cell.value for cell in line] for line in book["Lignes"].iter_rows())
    one, two = dict(zip(titles, first, strict=True)), dict(zip(titles, second, strict=True))
    assert (one["Ligne"], one["UAI trouvé"], one["Verdict"], one["Fait"]) == (2, school.uai, "Nouvelle", "Attribuée")
    assert (two["Verdict"], two["Fait"], two["UAI de l'école"]) == ("Erreur", None, "0300000Z")
    assert two["Problèmes"]
    about = {row[0]: row[1] for row in book["Import"].iter_rows(min_row=2, values_only=True)}
    assert (about["Fichier"], about["Licences attribuées"]) == ("a.csv", 3)
    assert about["Colonne : Nombre de licences"] == "B – =Licences"
    assert "ligne de commande" in about["Appliqué"]
    everything = [str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
    key = key_display(pool.allocations.get().key)
    assert not [cell for cell in everything if key in cell]


def test_the_list_is_exported(officer, pool, member):
    who = member(Role.MANAGER)
    spreadsheet_import = uploaded(pool, listing((SchoolFactory(), 3)), filename="=liste.csv", by=who)
    sheet = opened(officer.get(url("export")).content)["Imports"]
    line = dict(zip([c.value for c in sheet[1]], [c.value for c in sheet[2]], strict=True))
    assert (line["N°"], line["Fichier"], line["Déposé par"], line["Lignes"]) == (
        spreadsheet_import.pk,
        "=liste.csv",
        str(who),
        1,
    )
    assert sheet["B2"].data_type == "s"


def test_a_corrected_file_is_handed_in_on_the_page_of_its_import(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = uploaded(pool, xlsx([["UAI", "Licences"], [school.uai, "x"]]))
    file = SimpleUploadedFile("corrigé.xlsx", xlsx([["UAI", "Licences"], [school.uai, 2]]))
    answer = officer.post(url("corrected", spreadsheet_import.pk), {"file": file})
    later = Import.objects.latest("pk")
    assert answer["Location"] == url("detail", later.pk)
    assert (later.corrects_id, later.pool_id) == (spreadsheet_import.pk, pool.pk)
    assert officer.post(url("corrected", spreadsheet_import.pk), {})["Location"] == url("detail", spreadsheet_import.pk)
    assert Import.objects.count() == 2
