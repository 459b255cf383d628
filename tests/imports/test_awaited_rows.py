"""Schools that the directory lacks: kept waiting, offered again once it has them, resumed once."""

import datetime

import pytest

from collectivities.models import AuditEntry
from core.connections import connection
from core.exceptions import DomainError
from imports import tasks
from imports.enums import ImportState, Purpose, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import row_edits, upload
from licensing.pools.models import Allocation
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.licensing import EntitlementFactory, PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.races import run_concurrently
from tests.refusals import refuses


def resume(spreadsheet_import, **more):
    return row_edits.resume_arrived(import_id=spreadsheet_import.pk, by=None, at=TERM, **more)


@pytest.fixture
def waiting(pool):
    """An applied import of three schools, two of which the directory lacks; and their UAI."""
    uais = [next_uai(), next_uai()]
    spreadsheet_import = confirm_and_apply(
        upload_and_parse(pool, schools_csv((SchoolFactory(), 1), (uais[0], 4, "a@b.fr"), (uais[1], 2))), only_valid=True
    )
    return spreadsheet_import, uais


@pytest.mark.slow
def test_unknown_schools_are_offered_again_once_the_directory_has_them(waiting):
    spreadsheet_import, uais = waiting
    assert row_edits.list_arrivals() == []
    SchoolFactory(uai=uais[0])
    SchoolFactory(uai=uais[1], state=SchoolState.CLOSED, closed_at=TERM)
    assert [(arrival.spreadsheet_import, arrival.schools) for arrival in row_edits.list_arrivals()] == [
        (spreadsheet_import, 1)
    ]
    follow_up = resume(spreadsheet_import)
    entry = AuditEntry.objects.get(action="import.resumed", object_id=follow_up.pk)
    assert "1\u00a0école maintenant dans l'annuaire, reprise pour vérification." in entry.summary
    tasks.read(import_id=follow_up.pk)
    follow_up.refresh_from_db()
    assert (follow_up.state, follow_up.pool_id) == (ImportState.CHECKED, spreadsheet_import.pool_id)
    row = ImportRow.objects.get(import_id=follow_up.pk)
    assert (row.uai, row.verdict, row.units, row.recipient) == (uais[0], Verdict.NEW, 4, "a@b.fr")
    assert row_edits.list_arrivals() == []
    with refuses("no_awaited_school_found"):
        resume(spreadsheet_import)
    confirm_and_apply(follow_up, only_valid=True)
    assert Allocation.objects.filter(school_id=uais[0], units=4).count() == 1


def test_an_import_still_under_review_takes_its_schools_back(pool):
    uai = next_uai()
    spreadsheet_import = upload_and_parse(pool, schools_csv((uai, 2)))
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, awaited=True, by=None, at=TERM)
    SchoolFactory(uai=uai)
    assert resume(spreadsheet_import) == spreadsheet_import
    row = ImportRow.objects.get(import_id=spreadsheet_import.pk)
    assert (row.verdict, row.ticked, row.awaited, row.set_aside) == (Verdict.NEW, True, False, False)
    assert SpreadsheetImport.objects.count() == 1


@pytest.mark.slow
def test_a_cancelled_import_awaits_no_school(waiting):
    _, uais = waiting
    SchoolFactory(uai=uais[0])
    SpreadsheetImport.objects.update(state=ImportState.CANCELLED, applied_at=None)
    assert row_edits.list_arrivals() == []


@pytest.mark.slow
def test_a_lot_that_ended_asks_for_another(waiting):
    spreadsheet_import, uais = waiting
    SchoolFactory(uai=uais[0])
    later = TERM + datetime.timedelta(days=365)
    with refuses("pool_ended"):
        row_edits.resume_arrived(import_id=spreadsheet_import.pk, by=None, at=later)
    other = PoolFactory(entitlement=EntitlementFactory(last_day=datetime.date(2028, 8, 31)))
    follow_up = row_edits.resume_arrived(import_id=spreadsheet_import.pk, pool_id=other.pk, by=None, at=later)
    assert follow_up.pool_id == other.pk


@pytest.mark.slow
def test_schools_awaited_by_the_portfolio_are_added_to_it(nimes):
    uai = next_uai()
    known = SchoolFactory()
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO,
        pool_id=None,
        filename="écoles.csv",
        content=schools_csv((known, 5), (uai, 7), titles=("UAI", "Classes")),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    confirm_and_apply(spreadsheet_import, only_valid=True)
    SchoolFactory(uai=uai)
    follow_up = resume(spreadsheet_import)
    tasks.read(import_id=follow_up.pk)
    row = ImportRow.objects.get(import_id=follow_up.pk)
    assert (row.uai, row.classes, row.verdict) == (uai, 7, Verdict.NEW)


@pytest.mark.slow
def test_two_members_resume_at_once_and_one_import_is_created(committing):
    uai = next_uai()
    spreadsheet_import = confirm_and_apply(
        upload_and_parse(PoolFactory(capacity=100), schools_csv((SchoolFactory(), 1), (uai, 4))), only_valid=True
    )
    SchoolFactory(uai=uai)
    outcomes = run_concurrently(
        connection.schema_name, [lambda: resume(spreadsheet_import)] * 4, expected_errors=DomainError
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
    assert [refusal.code for refusal in refusals] == ["no_awaited_school_found"] * 3
    assert SpreadsheetImport.objects.count() == 2
