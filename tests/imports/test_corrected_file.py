"""A corrected file is uploaded: only changed rows need review."""

import pytest
from django_tenants.utils import tenant_context

from collectivities.models import AuditEntry
from imports import tasks
from imports.columns import Meaning
from imports.enums import ImportState, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import intake, row_edits, upload
from imports.workbooks.provenance import PROPERTY_NAME
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import build_annotated, upload_and_parse, upload_corrected
from tests.imports.sample_files import build_csv, build_xlsx, save_workbook

pytestmark = pytest.mark.slow

TITLES = ["UAI", "École", "Licences"]


def row(spreadsheet_import, number):
    return ImportRow.objects.get(import_id=spreadsheet_import.pk, number=number)


def amend(spreadsheet_import, number, **change):
    return row_edits.amend_row(import_id=spreadsheet_import.pk, number=number, by=None, at=TERM, **change)


@pytest.fixture
def first(pool):
    """An import of five rows: two with errors, one edited on the page, one ignored, one unticked."""
    schools = SchoolFactory.create_batch(5)
    rows = [[school.uai, school.name, 2] for school in schools]
    rows[0][2], rows[1][0], rows[2][2] = "beaucoup", "0300000Z", "trois"
    spreadsheet_import = upload_and_parse(
        pool, build_xlsx([["Liste"], TITLES, *rows, ["Total", "", 12]]), filename="liste.xlsx"
    )
    amend(spreadsheet_import, 5, edits={"units": "3"})
    amend(spreadsheet_import, 6, set_aside=True)
    amend(spreadsheet_import, 7, ticked=False)
    spreadsheet_import.schools = schools
    return spreadsheet_import


def test_only_changed_rows_need_review(pool, first):
    book = build_annotated(first)
    sheet = book.active
    sheet["C3"] = 4
    sheet["F4"] = f"{first.schools[1].uai} – {first.schools[1].name}"
    spreadsheet_import = upload_corrected(pool, book)
    assert (spreadsheet_import.corrects_id, spreadsheet_import.state) == (first.pk, ImportState.CHECKED)
    rows = {number: row(spreadsheet_import, number) for number in range(3, 9)}
    assert [number for number in rows if rows[number].altered] == [3, 4]
    assert (rows[3].verdict, rows[3].units) == (Verdict.NEW, 4)
    assert (rows[4].verdict, rows[4].uai, rows[4].match_method) == (Verdict.NEW, first.schools[1].uai, "chosen")
    assert (rows[5].verdict, rows[5].units, rows[5].edits) == (Verdict.NEW, 3, {"units": "3"})
    assert (rows[6].set_aside, rows[6].verdict) == (True, Verdict.IGNORED)
    assert (rows[7].verdict, rows[7].ticked) == (Verdict.NEW, False)
    assert rows[8].verdict == Verdict.IGNORED
    first.refresh_from_db()
    assert first.state == ImportState.CANCELLED
    audit_entry = AuditEntry.objects.get(action="import.replaced", object_id=first.pk)
    assert "remplacé par « corrigé.xlsx »" in audit_entry.summary


def test_rows_are_matched_wherever_they_moved(pool, first):
    book = build_annotated(first)
    sheet = book.active
    sheet.delete_rows(3, 2)
    sheet.insert_rows(3)
    new = SchoolFactory()
    sheet["A3"], sheet["C3"] = new.uai, 1
    spreadsheet_import = upload_corrected(pool, book)
    assert [number for number in range(3, 8) if row(spreadsheet_import, number).altered] == [3]
    assert row(spreadsheet_import, 4).units == 3
    assert row(spreadsheet_import, 5).set_aside
    assert not row(spreadsheet_import, 6).ticked


def test_a_school_chosen_in_the_workbook_overrides_the_page(pool, first):
    amend(first, 4, set_aside=True)
    book = build_annotated(first)
    book.active["F4"] = first.schools[1].uai
    spreadsheet_import = upload_corrected(pool, book)
    assert (row(spreadsheet_import, 4).set_aside, row(spreadsheet_import, 4).verdict) == (False, Verdict.NEW)


def test_a_school_chosen_on_the_page_and_written_in_the_workbook_is_no_change(pool, first):
    amend(first, 4, edits={"uai": first.schools[1].uai})
    book = build_annotated(first)
    assert book.active["F4"].value.startswith(first.schools[1].uai)
    spreadsheet_import = upload_corrected(pool, book)
    again = row(spreadsheet_import, 4)
    assert (again.altered, again.uai, again.edits) == (False, first.schools[1].uai, {"uai": first.schools[1].uai})
    book = build_annotated(spreadsheet_import)
    other = SchoolFactory()
    book.active["F4"] = other.uai
    again = row(upload_corrected(pool, book, "encore.xlsx"), 4)
    assert (again.altered, again.uai) == (True, other.uai)


def test_the_last_of_several_rounds_counts(pool, first):
    book = build_annotated(first)
    second = upload_corrected(pool, book)
    amend(second, 3, edits={"units": "9"})
    third = upload_corrected(pool, book, "encore.xlsx")
    assert third.corrects_id == second.pk
    assert row(third, 3).units == 9
    second.refresh_from_db()
    assert second.state == ImportState.CANCELLED
    assert SpreadsheetImport.objects.filter(state=ImportState.CHECKED).count() == 1


def test_the_column_mapping_and_volume_are_carried_over(pool):
    school, other = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(
        pool, build_csv([[school.uai, other.uai], [other.uai, school.uai], ["0300000Z", "x"]])
    )
    intake.choose_layout(
        import_id=spreadsheet_import.pk,
        sheets=None,
        header_row=0,
        columns={Meaning.UAI: 1},
        volume="all",
        units_for_all=2,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    book = build_annotated(SpreadsheetImport.objects.get(pk=spreadsheet_import.pk))
    book.worksheets[0]["E3"] = SchoolFactory().uai
    corrected = upload_corrected(pool, book)
    assert (corrected.layout.columns, corrected.layout.header_row) == ({"uai": 1, "choice": 4}, None)
    assert [row(corrected, number).units for number in (1, 2, 3)] == [2, 2, 2]
    assert [row(corrected, number).altered for number in (1, 2, 3)] == [False, False, True]


def test_a_file_without_its_signature_is_recognised_by_our_titles(pool, first):
    book = build_annotated(first)
    del book.custom_doc_props[PROPERTY_NAME]
    spreadsheet_import = upload_corrected(pool, book)
    assert spreadsheet_import.corrects_id == first.pk
    assert row(spreadsheet_import, 5).edits == {"units": "3"}


@pytest.mark.parametrize("change", ["columns", "sheet", "title"])
def test_a_rearranged_file_is_parsed_anew(pool, first, change):
    book = build_annotated(first)
    if change == "columns":
        book.active.insert_cols(1)
    elif change == "title":
        book.active.insert_rows(1)
    else:
        book.active.title = "Autre nom"
    spreadsheet_import = upload_corrected(pool, book)
    assert spreadsheet_import.state == ImportState.CHECKED
    assert ImportRow.objects.filter(import_id=spreadsheet_import.pk, verdict=Verdict.NEW).exists()
    # A renamed sheet is another sheet.
    assert ImportRow.objects.filter(import_id=spreadsheet_import.pk, altered=True).exists() == (change == "sheet")


def test_a_file_for_another_lot_or_of_another_collectivity_corrects_nothing(pool, first, gard):
    book = build_annotated(first)
    assert upload_corrected(PoolFactory(), book).corrects_id is None
    with tenant_context(gard):
        theirs = upload_and_parse(PoolFactory(), save_workbook(book))
        assert theirs.corrects_id is None
    first.refresh_from_db()
    assert first.state == ImportState.CHECKED


@pytest.mark.small
def test_the_page_says_which_import_a_file_corrects(pool, first):
    spreadsheet_import = upload.store_upload(
        pool_id=pool.pk,
        filename="a.xlsx",
        content=build_xlsx([["Liste"], TITLES, [first.schools[2].uai, first.schools[2].name, "trois"]]),
        units_for_all=None,
        corrects=first,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    assert row(spreadsheet_import, 3).units == 3
