"""The file and the rows of an import are deleted in time; what it did, and when they went, is still said."""

import dataclasses
import datetime
import threading
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.models import AuditEntry
from core.exceptions import Refusal
from imports import tasks
from imports.enums import ImportState
from imports.models import ANNOTATED_FILE_KEPT, CONTENTS_KEPT, AnnotatedFile, ImportFile, ImportRow, SpreadsheetImport
from imports.operations import row_edits, undo_import
from imports.operations.cancellation import delete_contents
from imports.operations.undo_import import build_undo_plan
from imports.operations.upload import upload_again
from jobs import due, retention
from jobs.retention import PRUNE_ROWS
from licensing.pools.models import Allocation
from mailing.models import Message
from tests.api.client import ApiClient, create_token
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import apply_portfolio_list, build_annotated, confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv
from tests.races import run_concurrently, wait_for_blocked_session
from tests.refusals import refuses
from tests.waits import wait_until

pytestmark = pytest.mark.slow

DAY = datetime.timedelta(days=1)
OLD = TERM + CONTENTS_KEPT + DAY


def apply_list(pool, *, schools=2):
    return confirm_and_apply(upload_and_parse(pool, schools_csv(*((SchoolFactory(), 1) for _ in range(schools)))))


def count_contents(spreadsheet_import):
    number = spreadsheet_import.pk
    rows = ImportRow.objects.filter(import_id=number).count()
    files = ImportFile.objects.filter(pk=number).count(), AnnotatedFile.objects.filter(pk=number).count()
    return (rows, *files)


@pytest.mark.small
def test_an_upload_says_when_it_may_be_deleted(pool):
    upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == TERM + CONTENTS_KEPT


def test_contents_are_deleted_after_their_time_and_figures_stay(pool):
    spreadsheet_import = apply_list(pool)
    outcome = spreadsheet_import.outcome
    retention.prune_schema(at=OLD - 2 * DAY)
    assert count_contents(spreadsheet_import) == (2, 1, 0)
    assert retention.prune_schema(at=OLD) == {"imports_spreadsheetimport": 1, "imports_importrow": 2}
    assert count_contents(spreadsheet_import) == (0, 0, 0)
    spreadsheet_import.refresh_from_db()
    assert (spreadsheet_import.contents_deleted_at, spreadsheet_import.outcome) == (OLD, outcome)
    assert (spreadsheet_import.layout.rows, spreadsheet_import.layout.preview) == (2, [])
    assert Allocation.objects.count() == 2
    assert retention.prune_schema(at=OLD + DAY) == {}


def test_a_large_import_goes_in_batches(pool, monkeypatch):
    spreadsheet_import = apply_list(pool, schools=5)
    small = {table: dataclasses.replace(one, batch_size=2) for table, one in retention.retentions.items()}
    monkeypatch.setattr(retention, "retentions", small)
    assert retention.prune_schema(at=OLD)["imports_importrow"] == 5
    assert count_contents(spreadsheet_import) == (0, 0, 0)


def test_rows_that_an_interrupted_job_left_are_found_again(pool):
    spreadsheet_import = apply_list(pool)
    SpreadsheetImport.objects.update(contents_deleted_at=OLD)
    due.take(PRUNE_ROWS, at=OLD)
    assert retention.prune_schema(at=OLD + DAY)["imports_importrow"] == 2
    assert count_contents(spreadsheet_import)[0] == 0


def test_the_time_runs_from_the_last_that_happened(pool):
    spreadsheet_import = apply_list(pool)
    undone_at = (TERM + 300 * DAY).astimezone(datetime.UTC)
    undo_import.undo(import_id=spreadsheet_import.pk, by=None, at=undone_at)
    retention.prune_schema(at=OLD)
    assert count_contents(spreadsheet_import)[0] == 2
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == TERM + CONTENTS_KEPT
    due.take(PRUNE_ROWS, at=OLD)
    retention.prune_schema(at=OLD)
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == undone_at + CONTENTS_KEPT
    assert retention.prune_schema(at=undone_at + CONTENTS_KEPT + DAY)["imports_spreadsheetimport"] == 1


def test_a_forgotten_import_is_cancelled_and_who_asked_for_it_learns_it(pool):
    asker = MemberFactory(roles=[Role.DATA_OFFICER]).user
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)), by=asker)
    SpreadsheetImport.objects.update(requested_at=TERM, requested_by_id=asker.pk, requested_schools=1)
    retention.prune_schema(at=OLD)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CANCELLED
    assert count_contents(spreadsheet_import) == (0, 0, 0)
    [message] = Message.objects.filter(topic="import")
    assert (message.recipient, message.context["reason"]) == (asker.email, "Personne ne l'a appliqué en dix-huit mois.")
    assert AuditEntry.objects.filter(action="import.cancelled").count() == 1


def test_the_annotated_workbook_goes_after_a_month_and_can_be_made_again(pool, officer):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 0)))
    build_annotated(spreadsheet_import)
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == TERM + ANNOTATED_FILE_KEPT
    later = timezone.now() + ANNOTATED_FILE_KEPT + DAY
    assert retention.prune_schema(at=later) == {"imports_annotatedfile": 1}
    response = officer.get(import_url("annotated", spreadsheet_import.pk), follow=True)
    assert "préparez-le de nouveau" in page_text(response)
    assert "Préparer le tableau annoté" in page_text(response)
    build_annotated(spreadsheet_import)


def test_pages_say_when_the_file_was_deleted(pool, officer):
    spreadsheet_import = apply_list(pool)
    retention.prune_schema(at=OLD)
    detail = import_url("detail", spreadsheet_import.pk)
    page = page_text(officer.get(detail))
    assert "ont été supprimés le 26 mai 2028" in " ".join(page.split())
    for name in ("file", "report", "applied_rows"):
        address = import_url(name, spreadsheet_import.pk)
        assert address not in page
        assert officer.get(address).headers["Location"] == detail
    assert import_url("undo", spreadsheet_import.pk) not in page
    assert "écoles.csv" in page_text(officer.get(import_url("list")))


@pytest.mark.parametrize("state", ["cancelled", "rejected"])
def test_pages_of_imports_that_were_not_applied_say_it_too(pool, officer, state):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    SpreadsheetImport.objects.update(state=state, refusal="Illisible.")
    retention.prune_schema(at=OLD)
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "ont été supprimés le" in page
    assert "reste disponible" not in page
    assert import_url("file", spreadsheet_import.pk) not in page


def test_what_needs_the_rows_is_refused_in_words(pool, manager):
    spreadsheet_import = apply_list(pool)
    retention.prune_schema(at=OLD)
    for act in (
        partial(undo_import.get_undo_plan, spreadsheet_import.pk),
        partial(undo_import.request_undo, import_id=spreadsheet_import.pk, by=None, at=OLD),
        partial(undo_import.undo, import_id=spreadsheet_import.pk, by=None, at=OLD),
    ):
        with refuses("contents_deleted", match="ont été supprimés le 26\u00a0mai 2028"):
            act()
    with refuses("no_awaited_school_found"):
        row_edits.resume_arrived(import_id=spreadsheet_import.pk, by=None, at=OLD)
    response = manager.get(import_url("undo", spreadsheet_import.pk), follow=True)
    assert "il ne se défait plus" in page_text(response)


def test_a_list_without_its_file_is_not_given(pool):
    spreadsheet_import = apply_portfolio_list((SchoolFactory(), 1))
    ImportFile.objects.all().delete()
    with refuses("contents_deleted", match="déposez-le de nouveau"):
        upload_again(spreadsheet_import, pool_id=pool.pk, by=None, at=TERM)


def test_the_api_says_it(pool):
    spreadsheet_import = apply_list(pool)
    retention.prune_schema(at=OLD)
    api = ApiClient(create_token().secret)
    answer = api.get(f"/imports/{spreadsheet_import.pk}").json()
    assert answer["contents_deleted_at"].startswith("2028-05-26T")
    assert (answer["layout"], answer["state"]) == (None, "applied")
    assert api.get(f"/imports/{spreadsheet_import.pk}/rows").json()["data"] == []
    refused = api.post(f"/imports/{spreadsheet_import.pk}/undo", key=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "contents_deleted")


def test_the_database_refuses_an_open_import_without_contents_and_an_undoing_after_them(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)))
    with pytest.raises(IntegrityError, match="import_without_contents_has_ended"), transaction.atomic():
        SpreadsheetImport.objects.update(contents_deleted_at=OLD)
    confirm_and_apply(spreadsheet_import)
    SpreadsheetImport.objects.update(contents_deleted_at=OLD)
    with pytest.raises(IntegrityError, match="import_undone_with_its_contents"), transaction.atomic():
        SpreadsheetImport.objects.update(state="undone", undone_at=OLD + DAY)


def test_an_import_that_waits_to_be_undone_keeps_its_rows(pool):
    spreadsheet_import = apply_list(pool)
    undo_import.request_undo(import_id=spreadsheet_import.pk, by=UserFactory(), at=OLD)
    assert retention.prune_schema(at=OLD) == {}
    tasks.undo(import_id=spreadsheet_import.pk, asked_at=OLD.isoformat())
    assert not Allocation.objects.active().exists()


def test_an_import_that_is_being_undone_is_not_deleted(committing, monkeypatch):
    """Fails without the lock: the rows go while the plan is read, and nothing is given back."""
    spreadsheet_import = apply_list(PoolFactory(capacity=10))
    reading, pruned = threading.Event(), threading.Event()

    def build_slowly(*args):
        reading.set()
        wait_until(pruned.is_set)
        return build_undo_plan(*args)

    monkeypatch.setattr("imports.operations.undo_import.build_undo_plan", build_slowly)

    def undo():
        undo_import.undo(import_id=spreadsheet_import.pk, by=None, at=OLD)

    def prune():
        wait_until(reading.is_set)
        try:
            return retention.prune_schema(at=OLD)
        finally:
            pruned.set()

    _, deleted = run_concurrently(committing.schema_name, [undo, prune], expected_errors=())
    assert deleted == {}
    assert not Allocation.objects.active().exists()
    assert count_contents(spreadsheet_import) == (2, 1, 0)


def test_an_undoing_that_waited_for_the_deletion_is_refused(committing, monkeypatch):
    """Fails where the import is not looked at again under its lock: it counts as undone, and all is still given."""
    spreadsheet_import = apply_list(PoolFactory(capacity=10))
    locked = threading.Event()

    def delete_slowly(ids, at):
        locked.set()
        wait_for_blocked_session()
        delete_contents(ids, at)

    slow = {
        table: dataclasses.replace(one, remove=delete_slowly) if one.remove is delete_contents else one
        for table, one in retention.retentions.items()
    }
    monkeypatch.setattr(retention, "retentions", slow)

    def undo():
        wait_until(locked.is_set)
        return undo_import.undo(import_id=spreadsheet_import.pk, by=None, at=OLD)

    pruned, *refusals = run_concurrently(
        committing.schema_name,
        [partial(retention.prune_schema, at=OLD), undo, undo],
        expected_errors=Refusal,
    )
    assert pruned == {"imports_spreadsheetimport": 1, "imports_importrow": 2}
    assert [one.code for one in refusals] == ["contents_deleted"] * 2
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED
    assert Allocation.objects.active().count() == 2
