"""Workbooks to download: templates, the report of an import, the list of imports."""

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from collectivities.capabilities import Role
from imports import queries, tasks
from imports.columns import Meaning
from imports.enums import ImportState, Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import apply_rows, cancellation, intake, undo_import, upload
from imports.workbooks.blank_templates import build_starter_workbook
from licensing.entitlements.queries import unseal_key
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.sample_files import build_xlsx, save_workbook, schools_csv
from tests.pools.actions import mark_redeemed


def import_url(name, *args):
    return reverse(f"imports:{name}", urlconf="config.urls_tenant", args=args)


def load(content):
    return openpyxl.load_workbook(io.BytesIO(content))


@pytest.fixture
def officer(office, member):
    return office("nimes", member(Role.DATA_OFFICER))


@pytest.fixture
def portfolio(nimes):
    schools = SchoolFactory.create_batch(3)
    for school in schools:
        PortfolioSchoolFactory(school=school, contact_name="=1+1", contact_email="a@ville.fr", classes=4)
    return schools


def upload_workbook(book, purpose, pool=None):
    spreadsheet_import = upload.store_upload(
        purpose=purpose,
        pool_id=pool.pk if pool else None,
        filename="modèle.xlsx",
        content=save_workbook(book),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


@pytest.mark.slow
def test_a_template_filled_in_is_read_without_a_question(officer, pool, portfolio):
    allocate(pool_id=pool.pk, uai=portfolio[0].uai, units=2, recipient="a@b.fr", by=None, at=TERM)
    book = load(officer.get(import_url("template", "allocation"), {"lot": pool.pk}).content)
    sheet = book["Écoles"]
    held = {row[0].value: row[3].value for row in sheet.iter_rows(min_row=2)}
    assert held == {portfolio[0].uai: 2, portfolio[1].uai: None, portfolio[2].uai: None}
    for line in range(2, 5):
        sheet.cell(line, 4).value = 5
    sheet["A5"], sheet["D5"] = SchoolFactory().uai, 1
    spreadsheet_import = upload_workbook(book, Purpose.ALLOCATION, pool)
    assert (spreadsheet_import.state, spreadsheet_import.layout.questions, spreadsheet_import.layout.remarks) == (
        ImportState.CHECKED,
        [],
        [],
    )
    assert spreadsheet_import.layout.volume == "column"
    rows = ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("number")
    assert [row.units for row in rows] == [5, 5, 5, 1]
    assert sorted(row.verdict for row in rows) == ["changed", "new", "new", "new"]


@pytest.mark.slow
def test_the_portfolio_comes_back_unchanged_from_its_template(officer, portfolio):
    book = load(officer.get(import_url("template", "portfolio")).content)
    assert book["Écoles"]["D2"].data_type == "s"
    spreadsheet_import = upload_workbook(book, Purpose.PORTFOLIO)
    assert (spreadsheet_import.state, spreadsheet_import.layout.questions) == (ImportState.CHECKED, [])
    assert set(ImportRow.objects.filter(import_id=spreadsheet_import.pk).values_list("verdict", flat=True)) == {
        "unchanged"
    }


def test_a_template_checks_its_cells(pool, portfolio):
    rules = {
        str(rule.sqref)[0]: rule
        for rule in load(build_starter_workbook(Purpose.ALLOCATION, pool))["Écoles"].data_validations.dataValidation
    }
    assert (rules["D"].type, rules["D"].formula1) == ("whole", "1")
    assert "au moins 1" in rules["D"].error
    assert (rules["A"].type, rules["A"].errorStyle) == ("list", "warning")
    assert rules["F"].type == "custom"


def test_a_large_portfolio_is_not_prefilled(pool, portfolio, monkeypatch):
    monkeypatch.setattr("imports.workbooks.blank_templates.MAX_SCHOOLS", 2)
    book = load(build_starter_workbook(Purpose.ALLOCATION, pool))
    assert book.sheetnames == ["Écoles", "Mode d'emploi"]
    assert book["Écoles"].max_row == 1
    assert "3 écoles" in book["Mode d'emploi"].cell(book["Mode d'emploi"].max_row, 1).value


@pytest.mark.slow
def test_the_report_contains_everything_but_the_key(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((school, 3), ("0300000Z", "x"), titles=("UAI", "=Licences")), filename="a.csv"
    )
    intake.choose_layout(
        import_id=spreadsheet_import.pk,
        sheets=None,
        header_row=1,
        columns={Meaning.UAI: 0, Meaning.UNITS: 1},
        volume="column",
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        only_valid=True,
        by=None,
        at=TERM,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=TERM.isoformat())
    content = officer.get(import_url("report", spreadsheet_import.pk)).content
    book = load(content)
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
    key = unseal_key(pool.allocations.get().key)
    assert not [cell for cell in everything if key in cell]


def read_effects(officer, spreadsheet_import):
    """Return what the report says was done, row by row."""
    sheet = load(officer.get(import_url("report", spreadsheet_import.pk)).content)["Lignes"]
    column = [cell.value for cell in sheet[1]].index("Fait")
    return [row[column] for row in sheet.iter_rows(min_row=2, values_only=True)]


@pytest.mark.slow
def test_the_report_says_done_only_of_what_was_applied_and_not_undone(officer, pool):
    redeemed, other = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv((redeemed, 3), (other, 4), ("0300000Z", 2)))
    assert read_effects(officer, spreadsheet_import) == ["À faire : attribuer", "À faire : attribuer", None]
    confirm_and_apply(spreadsheet_import, only_valid=True)
    assert read_effects(officer, spreadsheet_import) == ["Attribuée", "Attribuée", None]
    mark_redeemed(pool.allocations.get(school=redeemed), PrincipalFactory())
    undo_import.undo(import_id=spreadsheet_import.pk, by=None, at=TERM)
    assert read_effects(officer, spreadsheet_import) == [
        "Attribuée, puis laissée telle quelle",
        "Attribuée, puis défaite",
        None,
    ]


@pytest.mark.slow
def test_the_report_of_a_cancelled_import_says_that_nothing_was_done(officer, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3)))
    cancellation.cancel(import_id=spreadsheet_import.pk, by=None, at=TERM)
    assert read_effects(officer, spreadsheet_import) == [None]


@pytest.mark.slow
def test_the_list_is_exported(officer, pool, member):
    who = member(Role.MANAGER)
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3)), filename="=liste.csv", by=who)
    sheet = load(officer.get(import_url("export")).content)["Imports"]
    line = dict(zip([c.value for c in sheet[1]], [c.value for c in sheet[2]], strict=True))
    assert (line["N°"], line["Fichier"], line["Déposé par"], line["Lignes"]) == (
        spreadsheet_import.pk,
        "=liste.csv",
        str(who),
        1,
    )
    assert sheet["B2"].data_type == "s"


@pytest.mark.slow
def test_a_corrected_file_is_handed_in_on_the_page_of_its_import(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, build_xlsx([["UAI", "Licences"], [school.uai, "x"]]))
    file = SimpleUploadedFile("corrigé.xlsx", build_xlsx([["UAI", "Licences"], [school.uai, 2]]))
    answer = officer.post(import_url("corrected", spreadsheet_import.pk), {"file": file})
    later = SpreadsheetImport.objects.latest("pk")
    assert answer["Location"] == import_url("detail", later.pk)
    assert (later.corrects_id, later.pool_id) == (spreadsheet_import.pk, pool.pk)
    assert officer.post(import_url("corrected", spreadsheet_import.pk), {})["Location"] == import_url(
        "detail", spreadsheet_import.pk
    )
    assert SpreadsheetImport.objects.count() == 2
