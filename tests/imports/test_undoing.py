"""Undoing an import: rows redeemed or changed since are listed with the reason."""

from __future__ import annotations

import datetime

import pytest

from collectivities.models import AuditEntry, SchoolInRemit
from collectivities.operations import set_contact
from imports import operations, progress, queries, tasks
from imports.enums import ImportState, Purpose
from imports.exceptions import WrongMoment
from imports.models import Import, ImportProgress, ImportRow
from jobs.queue import waiting
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate, reduce, revoke
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import apply, asked_number, listing, uploaded
from tests.imports.files import csv
from tests.pools.arranging import redeem, sent

LATER = TERM + datetime.timedelta(days=3)


def applied(pool, content, *, at=TERM):
    spreadsheet_import = uploaded(pool, content)
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, verdict="conflict").exclude(settlement="").update(
        ticked=True
    )
    return apply(spreadsheet_import, at=at)


def undo(spreadsheet_import, by=None):
    return operations.undo(import_id=spreadsheet_import.pk, by=by, at=LATER)


def give(pool, school, units):
    return allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=None, at=TERM)


def left(spreadsheet_import):
    return {one["uai"]: one["code"] for one in spreadsheet_import.outcome["undone"]["left"]}


def test_an_untouched_import_is_undone_completely(pool):
    new, grown = SchoolFactory.create_batch(2)
    give(pool, grown, 2)
    spreadsheet_import, manager = applied(pool, listing((new, 3), (grown, 5))), UserFactory()
    plan = operations.undo_plan(spreadsheet_import.pk)
    assert [(one.uai, one.units, one.units_after) for one in plan.revoked] == [(new.uai, 3, 0)]
    assert [(one.uai, one.units, one.units_after) for one in plan.reduced] == [(grown.uai, 5, 2)]
    assert (plan.units, plan.messages, plan.left) == (6, 0, [])
    assert Allocation.objects.active().count() == 2  # planning changes nothing
    undone = undo(spreadsheet_import, by=manager)
    assert (undone.state, undone.undone_at, undone.undone_by_id) == (ImportState.UNDONE, LATER, manager.pk)
    assert undone.outcome["undone"] == {"revoked": 1, "reduced": 1, "units": 6, "messages": 0, "left": []}
    assert list(Allocation.objects.active().values_list("school_id", "units")) == [(grown.uai, 2)]
    pool.refresh_from_db()
    assert pool.allocated == 2
    entry = AuditEntry.objects.get(action="import.undone")
    assert entry.summary == "Tableau « écoles.csv » défait : 6\u00a0licences reprises à 2\u00a0écoles."


def test_undoing_twice_is_once(pool):
    spreadsheet_import = applied(pool, listing((SchoolFactory(), 3)))
    first, second = undo(spreadsheet_import), undo(spreadsheet_import)
    assert first.outcome == second.outcome
    assert AuditEntry.objects.filter(action="import.undone").count() == 1
    with pytest.raises(WrongMoment):
        operations.undo_plan(spreadsheet_import.pk)


def test_only_an_applied_import_can_be_undone(pool):
    spreadsheet_import = uploaded(pool, listing((SchoolFactory(), 3)))
    with pytest.raises(WrongMoment):
        undo(spreadsheet_import)


def test_rows_redeemed_or_changed_since_are_listed_and_left(pool):
    redeemed, more, less, gone, again, touched = SchoolFactory.create_batch(6)
    give(pool, touched, 1)
    spreadsheet_import = applied(
        pool, listing(*[(school, 3) for school in (redeemed, more, less, gone, again, touched)])
    )
    held = {one.school_id: one for one in Allocation.objects.all()}
    redeem(held[redeemed.uai], PrincipalFactory())
    give(pool, more, 1)
    reduce(pool_id=pool.pk, uai=less.uai, units=2, by=None, at=TERM)
    revoke(allocation_id=held[gone.uai].pk, by=None, at=TERM)
    revoke(allocation_id=held[again.uai].pk, by=None, at=TERM)
    give(pool, again, 3)
    redeem(held[touched.uai], PrincipalFactory())
    before = dict(Allocation.objects.active().values_list("school_id", "units"))
    plan = operations.undo_plan(spreadsheet_import.pk)
    undone = undo(spreadsheet_import)
    assert left(undone) == {
        redeemed.uai: "already_redeemed",
        more.uai: "changed",
        less.uai: "changed",
        gone.uai: "already_revoked",
        again.uai: "replaced",
        touched.uai: "already_redeemed",
    }
    assert {one.uai: one.code for one in plan.left} == left(undone)
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == before


def test_only_schools_already_emailed_are_emailed_again(pool):
    emailed_school, waits, grown = SchoolFactory.create_batch(3)
    give(pool, grown, 1)
    spreadsheet_import = applied(pool, listing((emailed_school, 3), (waits, 3), (grown, 3)))
    numbers = dict(Allocation.objects.values_list("school_id", "pk"))
    Message.objects.filter(topic_id__in=[numbers[emailed_school.uai], numbers[grown.uai]], state="queued").update(
        state=MessageState.SENT, sent_at=TERM
    )
    assert operations.undo_plan(spreadsheet_import.pk).messages == 2
    assert undo(spreadsheet_import).outcome["undone"]["messages"] == 2
    waiting_now = Message.objects.filter(state=MessageState.QUEUED)
    assert {(m.kind, m.topic_id) for m in waiting_now} == {
        ("key_revoked", numbers[emailed_school.uai]),
        ("key_reduced", numbers[grown.uai]),
    }


@pytest.mark.parametrize(("settlement", "units", "code"), [("reduce", 2, "was_reduced"), ("revoke", 0, "was_revoked")])
def test_a_resolved_conflict_is_applied_first_and_not_undone(pool, settlement, units, code):
    full, new = SchoolFactory.create_batch(2)
    give(pool, full, 100)  # the whole pool
    sent()
    spreadsheet_import = uploaded(pool, listing((full, 2), (new, 98)))
    row = operations.amend(
        import_id=spreadsheet_import.pk, number=2, settlement=settlement, ticked=True, by=None, at=TERM
    )
    assert row.done == {"reduce": "reduced", "revoke": "revoked"}[settlement]
    operations.amend(import_id=spreadsheet_import.pk, number=3, ticked=True, by=None, at=TERM)
    spreadsheet_import = apply(spreadsheet_import)
    given = {full.uai: units, new.uai: 98}
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == {k: v for k, v in given.items() if v}
    assert (
        spreadsheet_import.outcome["reduced"] + spreadsheet_import.outcome["revoked"],
        spreadsheet_import.outcome["returned"],
    ) == (1, 100 - units)
    assert spreadsheet_import.outcome["messages"] == 2  # the corrective one, and the new key's
    assert left(undo(spreadsheet_import)) == {full.uai: code}


def test_a_conflict_resolved_after_the_key_was_redeemed_refuses_everything(pool):
    full, new = SchoolFactory.create_batch(2)
    allocation = give(pool, full, 10)
    spreadsheet_import = uploaded(pool, listing((full, 2), (new, 5)))
    operations.amend(import_id=spreadsheet_import.pk, number=2, settlement="revoke", ticked=True, by=None, at=TERM)
    operations.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.digest(spreadsheet_import),
        send_on=None,
        typed=asked_number(spreadsheet_import),
        by=None,
        at=TERM,
    )
    redeem(allocation, PrincipalFactory())
    tasks.apply(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    assert spreadsheet_import.refusal
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == {full.uai: 10}


def contacts(*rows):
    titles = ["UAI", "Contact", "E-mail", "Téléphone", "Nombre de classes"]
    return csv([titles, *[[school.uai, *rest] for school, *rest in rows]])


def remit_of(content):
    spreadsheet_import = operations.upload(
        purpose=Purpose.REMIT, pool_id=None, filename="périmètre.csv", content=content, units_for_all=None, by=None,
        at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED, (
        spreadsheet_import.state,
        spreadsheet_import.layout.get("questions"),
    )
    return spreadsheet_import


def said(school):
    found = SchoolInRemit.objects.filter(school=school)
    return found.values_list("contact_name", "contact_email", "contact_phone", "classes").first()


def test_a_portfolio_import_adds_and_updates_and_keeps_what_it_leaves_empty(nimes):
    new, known, other = SchoolFactory.create_batch(3)
    SchoolInRemitFactory(school=known, contact_name="Mme Roux", contact_email="roux@ecole.example", classes=4)
    SchoolInRemitFactory(school=other, contact_name="M. Petit")
    spreadsheet_import = apply(
        remit_of(contacts((new, "M. Noir", "noir@ecole.example", "0466000000", 5), (known, "", "", "", 6),
                          (other, "M. Petit", "", "", "")))
    )  # fmt: skip
    assert spreadsheet_import.outcome == {"added": 1, "updated": 1}
    assert said(new)[:2] == ("M. Noir", "noir@ecole.example")
    assert said(new)[3] == 5
    assert said(known) == ("Mme Roux", "roux@ecole.example", "", 6)
    assert set(ImportRow.objects.values_list("uai", "done")) == {
        (new.uai, "added"), (known.uai, "updated"), (other.uai, ""),
    }  # fmt: skip


def test_the_portfolio_is_restored_unless_changed_or_in_use_since(pool):
    new, served, known, moved = SchoolFactory.create_batch(4)
    SchoolInRemitFactory(school=known, contact_name="Mme Roux", contact_email="roux@ecole.example", classes=4)
    SchoolInRemitFactory(school=moved, classes=1)
    spreadsheet_import = apply(
        remit_of(contacts((new, "M. Noir", "", "", 5), (served, "", "", "", 2), (known, "M. Vert", "", "", 6),
                          (moved, "", "", "", 7)))
    )  # fmt: skip
    give(pool, served, 1)
    said_now = {"contact_name": "", "contact_email": "", "contact_phone": "", "classes": 8}
    set_contact(uai=moved.uai, **said_now, by=UserFactory(), at=TERM)
    plan = operations.undo_plan(spreadsheet_import.pk)
    assert ([one.uai for one in plan.removed], [one.uai for one in plan.restored]) == ([new.uai], [known.uai])
    undone = undo(spreadsheet_import)
    assert left(undone) == {served.uai: "served", moved.uai: "changed"}
    assert undone.outcome["undone"]["removed"] == undone.outcome["undone"]["restored"] == 1
    assert said(new) is None
    assert said(known) == ("Mme Roux", "roux@ecole.example", "", 4)
    assert said(moved)[3] == 8


def test_the_worker_undoes_an_import_once(pool):
    spreadsheet_import, manager = applied(pool, listing((SchoolFactory(), 3))), UserFactory()
    for _ in range(2):
        operations.ask_undo(import_id=spreadsheet_import.pk, by=manager, at=LATER)
    [job] = waiting("imports.undo", import_id=spreadsheet_import.pk)
    assert progress.seen(spreadsheet_import.pk, at=LATER).label == "Le fichier attend son tour"
    ImportProgress.objects.all().delete()  # in this transaction, invisible to the worker's own connection
    tasks.undo(**{key: value for key, value in job["args"].items() if key != "schema"})
    spreadsheet_import.refresh_from_db()
    assert (spreadsheet_import.state, spreadsheet_import.undone_by_id) == (ImportState.UNDONE, manager.pk)
    assert operations.ask_undo(import_id=spreadsheet_import.pk, by=manager, at=LATER).state == ImportState.UNDONE
    assert Import.objects.count() == 1
