"""Undoing an import: rows redeemed or changed since are listed with the reason."""

import datetime
from typing import Any

import pytest

from collectivities.models import AuditEntry, PortfolioSchool
from collectivities.operations.portfolio import set_contact
from imports import progress, queries, tasks
from imports.enums import ImportState, Purpose
from imports.models import ImportProgress, ImportRow, SpreadsheetImport
from imports.operations import apply_rows, row_edits, undo_import, upload
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate
from licensing.pools.reductions import reduce, revoke
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, required_count, upload_and_parse
from tests.imports.sample_files import build_csv, schools_csv
from tests.pools.actions import mark_redeemed, mark_sent
from tests.refusals import refuses
from tests.waiting_jobs import list_waiting_jobs

pytestmark = pytest.mark.slow

LATER = TERM + datetime.timedelta(days=3)


def upload_and_apply(pool, content, *, at=TERM):
    spreadsheet_import = upload_and_parse(pool, content)
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, verdict="conflict").exclude(
        conflict_resolution=""
    ).update(ticked=True)
    return confirm_and_apply(spreadsheet_import, at=at)


def undo(spreadsheet_import, by=None):
    return undo_import.undo(import_id=spreadsheet_import.pk, by=by, at=LATER)


def allocate_units(pool, school, units):
    return allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=None, at=TERM)


def skipped_codes(spreadsheet_import):
    return {one["uai"]: one["code"] for one in spreadsheet_import.outcome["undone"]["kept"]}


def test_an_untouched_import_is_undone_completely(pool):
    new, grown = SchoolFactory.create_batch(2)
    allocate_units(pool, grown, 2)
    spreadsheet_import, manager = upload_and_apply(pool, schools_csv((new, 3), (grown, 5))), UserFactory()
    plan = undo_import.get_undo_plan(spreadsheet_import.pk)
    assert [(one.uai, one.units, one.units_after) for one in plan.revoked] == [(new.uai, 3, 0)]
    assert [(one.uai, one.units, one.units_after) for one in plan.reduced] == [(grown.uai, 5, 2)]
    assert (plan.units, plan.messages, plan.kept) == (6, 0, [])
    assert Allocation.objects.active().count() == 2  # planning changes nothing
    undone = undo(spreadsheet_import, by=manager)
    assert (undone.state, undone.undone_at, undone.undone_by_id) == (ImportState.UNDONE, LATER, manager.pk)
    assert undone.outcome["undone"] == {"revoked": 1, "reduced": 1, "units": 6, "messages": 0, "kept": []}
    assert list(Allocation.objects.active().values_list("school_id", "units")) == [(grown.uai, 2)]
    pool.refresh_from_db()
    assert pool.allocated == 2
    entry = AuditEntry.objects.get(action="import.undone")
    assert entry.summary == "Tableau « écoles.csv » défait : 6\u00a0licences reprises à 2\u00a0écoles."


def test_undoing_twice_is_once(pool):
    spreadsheet_import = upload_and_apply(pool, schools_csv((SchoolFactory(), 3)))
    first, second = undo(spreadsheet_import), undo(spreadsheet_import)
    assert first.outcome == second.outcome
    assert AuditEntry.objects.filter(action="import.undone").count() == 1
    with refuses("invalid_state"):
        undo_import.get_undo_plan(spreadsheet_import.pk)


@pytest.mark.small
def test_only_an_applied_import_can_be_undone(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3)))
    with refuses("invalid_state"):
        undo(spreadsheet_import)


def test_rows_redeemed_or_changed_since_are_listed_and_left(pool):
    redeemed, more, less, gone, again, touched = SchoolFactory.create_batch(6)
    allocate_units(pool, touched, 1)
    spreadsheet_import = upload_and_apply(
        pool, schools_csv(*[(school, 3) for school in (redeemed, more, less, gone, again, touched)])
    )
    held = {one.school_id: one for one in Allocation.objects.all()}
    mark_redeemed(held[redeemed.uai], PrincipalFactory())
    allocate_units(pool, more, 1)
    reduce(pool_id=pool.pk, uai=less.uai, units=2, by=None, at=TERM)
    revoke(allocation_id=held[gone.uai].pk, by=None, at=TERM)
    revoke(allocation_id=held[again.uai].pk, by=None, at=TERM)
    allocate_units(pool, again, 3)
    mark_redeemed(held[touched.uai], PrincipalFactory())
    before = dict(Allocation.objects.active().values_list("school_id", "units"))
    plan = undo_import.get_undo_plan(spreadsheet_import.pk)
    undone = undo(spreadsheet_import)
    assert skipped_codes(undone) == {
        redeemed.uai: "already_redeemed",
        more.uai: "changed",
        less.uai: "changed",
        gone.uai: "already_revoked",
        again.uai: "replaced",
        touched.uai: "already_redeemed",
    }
    assert {one.uai: one.code for one in plan.kept} == skipped_codes(undone)
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == before


def test_only_schools_already_emailed_are_emailed_again(pool):
    emailed_school, waits, grown = SchoolFactory.create_batch(3)
    allocate_units(pool, grown, 1)
    spreadsheet_import = upload_and_apply(pool, schools_csv((emailed_school, 3), (waits, 3), (grown, 3)))
    numbers = dict(Allocation.objects.values_list("school_id", "pk"))
    Message.objects.filter(topic_id__in=[numbers[emailed_school.uai], numbers[grown.uai]], state="queued").update(
        state=MessageState.SENT, sent_at=TERM
    )
    assert undo_import.get_undo_plan(spreadsheet_import.pk).messages == 2
    assert undo(spreadsheet_import).outcome["undone"]["messages"] == 2
    waiting_now = Message.objects.filter(state=MessageState.QUEUED)
    assert {(m.kind, m.topic_id) for m in waiting_now} == {
        ("key_revoked", numbers[emailed_school.uai]),
        ("key_reduced", numbers[grown.uai]),
    }


@pytest.mark.parametrize(
    ("conflict_resolution", "units", "code"), [("reduce", 2, "was_reduced"), ("revoke", 0, "was_revoked")]
)
def test_a_resolved_conflict_is_applied_first_and_not_undone(pool, conflict_resolution, units, code):
    full, new = SchoolFactory.create_batch(2)
    allocate_units(pool, full, 100)  # the whole pool
    mark_sent()
    spreadsheet_import = upload_and_parse(pool, schools_csv((full, 2), (new, 98)))
    row = row_edits.amend_row(
        import_id=spreadsheet_import.pk,
        number=2,
        conflict_resolution=conflict_resolution,
        ticked=True,
        by=None,
        at=TERM,
    )
    assert row.done == {"reduce": "reduced", "revoke": "revoked"}[conflict_resolution]
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=3, ticked=True, by=None, at=TERM)
    spreadsheet_import = confirm_and_apply(spreadsheet_import)
    given = {full.uai: units, new.uai: 98}
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == {k: v for k, v in given.items() if v}
    assert (
        spreadsheet_import.outcome["reduced"] + spreadsheet_import.outcome["revoked"],
        spreadsheet_import.outcome["returned"],
    ) == (1, 100 - units)
    assert spreadsheet_import.outcome["messages"] == 2  # the corrective one, and the new key's
    assert skipped_codes(undo(spreadsheet_import)) == {full.uai: code}


def test_a_conflict_resolved_after_the_key_was_redeemed_refuses_everything(pool):
    full, new = SchoolFactory.create_batch(2)
    allocation = allocate_units(pool, full, 10)
    spreadsheet_import = upload_and_parse(pool, schools_csv((full, 2), (new, 5)))
    row_edits.amend_row(
        import_id=spreadsheet_import.pk, number=2, conflict_resolution="revoke", ticked=True, by=None, at=TERM
    )
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=TERM,
    )
    mark_redeemed(allocation, PrincipalFactory())
    tasks.apply(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    assert spreadsheet_import.refusal
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == {full.uai: 10}


def contacts_csv(*rows):
    titles = ["UAI", "Contact", "E-mail", "Téléphone", "Nombre de classes"]
    return build_csv([titles, *[[school.uai, *rest] for school, *rest in rows]])


def portfolio_of(content):
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO, pool_id=None, filename="périmètre.csv", content=content, units_for_all=None, by=None,
        at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED, (
        spreadsheet_import.state,
        spreadsheet_import.layout.questions,
    )
    return spreadsheet_import


def portfolio_fields(school):
    found = PortfolioSchool.objects.filter(school=school)
    return found.values_list("contact_name", "contact_email", "contact_phone", "classes").first()


def test_a_portfolio_import_adds_and_updates_and_keeps_what_it_leaves_empty(nimes):
    new, known, other = SchoolFactory.create_batch(3)
    PortfolioSchoolFactory(school=known, contact_name="Mme Roux", contact_email="roux@ecole.example", classes=4)
    PortfolioSchoolFactory(school=other, contact_name="M. Petit")
    spreadsheet_import = confirm_and_apply(
        portfolio_of(contacts_csv((new, "M. Noir", "noir@ecole.example", "0466000000", 5), (known, "", "", "", 6),
                          (other, "M. Petit", "", "", "")))
    )  # fmt: skip
    assert spreadsheet_import.outcome == {"added": 1, "updated": 1}
    assert portfolio_fields(new)[:2] == ("M. Noir", "noir@ecole.example")
    assert portfolio_fields(new)[3] == 5
    assert portfolio_fields(known) == ("Mme Roux", "roux@ecole.example", "", 6)
    assert set(ImportRow.objects.values_list("uai", "done")) == {
        (new.uai, "added"), (known.uai, "updated"), (other.uai, ""),
    }  # fmt: skip


def test_the_portfolio_is_restored_unless_changed_or_in_use_since(pool):
    new, served, known, moved = SchoolFactory.create_batch(4)
    PortfolioSchoolFactory(school=known, contact_name="Mme Roux", contact_email="roux@ecole.example", classes=4)
    PortfolioSchoolFactory(school=moved, classes=1)
    spreadsheet_import = confirm_and_apply(
        portfolio_of(contacts_csv((new, "M. Noir", "", "", 5), (served, "", "", "", 2), (known, "M. Vert", "", "", 6),
                          (moved, "", "", "", 7)))
    )  # fmt: skip
    allocate_units(pool, served, 1)
    new_contact: dict[str, Any] = {"contact_name": "", "contact_email": "", "contact_phone": "", "classes": 8}
    set_contact(uai=moved.uai, **new_contact, by=UserFactory(), at=TERM)
    plan = undo_import.get_undo_plan(spreadsheet_import.pk)
    assert ([one.uai for one in plan.removed], [one.uai for one in plan.restored]) == ([new.uai], [known.uai])
    undone = undo(spreadsheet_import)
    assert skipped_codes(undone) == {served.uai: "served", moved.uai: "changed"}
    assert undone.outcome["undone"]["removed"] == undone.outcome["undone"]["restored"] == 1
    assert portfolio_fields(new) is None
    assert portfolio_fields(known) == ("Mme Roux", "roux@ecole.example", "", 4)
    assert portfolio_fields(moved)[3] == 8


def test_the_worker_undoes_an_import_once(pool):
    spreadsheet_import, manager = upload_and_apply(pool, schools_csv((SchoolFactory(), 3))), UserFactory()
    for _ in range(2):
        undo_import.request_undo(import_id=spreadsheet_import.pk, by=manager, at=LATER)
    [job] = list_waiting_jobs("imports.undo", import_id=spreadsheet_import.pk)
    assert progress.get_current_progress(spreadsheet_import.pk, at=LATER).label == "Le fichier attend son tour"
    ImportProgress.objects.all().delete()  # in this transaction, invisible to the worker's own connection
    tasks.undo(**{key: value for key, value in job["args"].items() if key != "schema"})
    spreadsheet_import.refresh_from_db()
    assert (spreadsheet_import.state, spreadsheet_import.undone_by_id) == (ImportState.UNDONE, manager.pk)
    assert undo_import.request_undo(import_id=spreadsheet_import.pk, by=manager, at=LATER).state == ImportState.UNDONE
    assert SpreadsheetImport.objects.count() == 1
