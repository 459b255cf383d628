"""An import taken back: what nobody has redeemed or changed since; the rest is listed, with the reason."""

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
    table = uploaded(pool, content)
    ImportRow.objects.filter(import_id=table.pk, verdict="conflict").exclude(settlement="").update(ticked=True)
    return apply(table, at=at)


def undo(table, by=None):
    return operations.undo(import_id=table.pk, by=by, at=LATER)


def give(pool, school, units):
    return allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=None, at=TERM)


def left(table):
    return {one["uai"]: one["code"] for one in table.outcome["undone"]["left"]}


def test_what_nobody_touched_is_taken_back_whole(pool):
    new, grown = SchoolFactory.create_batch(2)
    give(pool, grown, 2)
    table, manager = applied(pool, listing((new, 3), (grown, 5))), UserFactory()
    plan = operations.undo_plan(table.pk)
    assert [(one.uai, one.units, one.units_after) for one in plan.revoked] == [(new.uai, 3, 0)]
    assert [(one.uai, one.units, one.units_after) for one in plan.reduced] == [(grown.uai, 5, 2)]
    assert (plan.units, plan.messages, plan.left) == (6, 0, [])
    assert Allocation.objects.active().count() == 2  # a plan does nothing
    undone = undo(table, by=manager)
    assert (undone.state, undone.undone_at, undone.undone_by_id) == (ImportState.UNDONE, LATER, manager.pk)
    assert undone.outcome["undone"] == {"revoked": 1, "reduced": 1, "units": 6, "messages": 0, "left": []}
    assert list(Allocation.objects.active().values_list("school_id", "units")) == [(grown.uai, 2)]
    pool.refresh_from_db()
    assert pool.allocated == 2
    entry = AuditEntry.objects.get(action="import.undone")
    assert entry.summary == "Tableau « écoles.csv » défait : 6\u00a0licences reprises à 2\u00a0écoles."


def test_undoing_twice_is_once(pool):
    table = applied(pool, listing((SchoolFactory(), 3)))
    first, second = undo(table), undo(table)
    assert first.outcome == second.outcome
    assert AuditEntry.objects.filter(action="import.undone").count() == 1
    with pytest.raises(WrongMoment):
        operations.undo_plan(table.pk)


def test_what_is_not_applied_is_not_undone(pool):
    table = uploaded(pool, listing((SchoolFactory(), 3)))
    with pytest.raises(WrongMoment):
        undo(table)


def test_what_was_redeemed_or_changed_since_is_listed_and_left(pool):
    redeemed, more, less, gone, again, touched = SchoolFactory.create_batch(6)
    give(pool, touched, 1)
    table = applied(pool, listing(*[(school, 3) for school in (redeemed, more, less, gone, again, touched)]))
    held = {one.school_id: one for one in Allocation.objects.all()}
    redeem(held[redeemed.uai], PrincipalFactory())
    give(pool, more, 1)
    reduce(pool_id=pool.pk, uai=less.uai, units=2, by=None, at=TERM)
    revoke(allocation_id=held[gone.uai].pk, by=None, at=TERM)
    revoke(allocation_id=held[again.uai].pk, by=None, at=TERM)
    give(pool, again, 3)
    redeem(held[touched.uai], PrincipalFactory())
    before = dict(Allocation.objects.active().values_list("school_id", "units"))
    plan = operations.undo_plan(table.pk)
    undone = undo(table)
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


def test_only_those_who_had_been_written_to_are_written_to(pool):
    told, waits, grown = SchoolFactory.create_batch(3)
    give(pool, grown, 1)
    table = applied(pool, listing((told, 3), (waits, 3), (grown, 3)))
    numbers = dict(Allocation.objects.values_list("school_id", "pk"))
    Message.objects.filter(topic_id__in=[numbers[told.uai], numbers[grown.uai]], state="queued").update(
        state=MessageState.SENT, sent_at=TERM
    )
    assert operations.undo_plan(table.pk).messages == 2
    assert undo(table).outcome["undone"]["messages"] == 2
    waiting_now = Message.objects.filter(state=MessageState.QUEUED)
    assert {(m.kind, m.topic_id) for m in waiting_now} == {
        ("key_revoked", numbers[told.uai]),
        ("key_reduced", numbers[grown.uai]),
    }


@pytest.mark.parametrize(("settlement", "units", "code"), [("reduce", 2, "was_reduced"), ("revoke", 0, "was_revoked")])
def test_a_settled_conflict_is_carried_out_before_anything_is_given_and_not_undone(pool, settlement, units, code):
    full, new = SchoolFactory.create_batch(2)
    give(pool, full, 100)  # the whole lot
    sent()
    table = uploaded(pool, listing((full, 2), (new, 98)))
    row = operations.amend(import_id=table.pk, number=2, settlement=settlement, ticked=True, by=None, at=TERM)
    assert row.done == {"reduce": "reduced", "revoke": "revoked"}[settlement]
    operations.amend(import_id=table.pk, number=3, ticked=True, by=None, at=TERM)
    table = apply(table)
    given = {full.uai: units, new.uai: 98}
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == {k: v for k, v in given.items() if v}
    assert (table.outcome["reduced"] + table.outcome["revoked"], table.outcome["returned"]) == (1, 100 - units)
    assert table.outcome["messages"] == 2  # the corrective one, and the new key's
    assert left(undo(table)) == {full.uai: code}


def test_a_conflict_settled_against_a_principal_who_was_faster_refuses_everything(pool):
    full, new = SchoolFactory.create_batch(2)
    allocation = give(pool, full, 10)
    table = uploaded(pool, listing((full, 2), (new, 5)))
    operations.amend(import_id=table.pk, number=2, settlement="revoke", ticked=True, by=None, at=TERM)
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=None, typed=asked_number(table), by=None, at=TERM
    )
    redeem(allocation, PrincipalFactory())
    tasks.apply(import_id=table.pk)
    table.refresh_from_db()
    assert table.state == ImportState.CHECKED
    assert table.refusal
    assert dict(Allocation.objects.active().values_list("school_id", "units")) == {full.uai: 10}


def contacts(*rows):
    titles = ["UAI", "Contact", "E-mail", "Téléphone", "Nombre de classes"]
    return csv([titles, *[[school.uai, *rest] for school, *rest in rows]])


def remit_of(content):
    table = operations.upload(
        purpose=Purpose.REMIT, pool_id=None, filename="périmètre.csv", content=content, units_for_all=None, by=None,
        at=TERM,
    )  # fmt: skip
    tasks.read(import_id=table.pk)
    table.refresh_from_db()
    assert table.state == ImportState.CHECKED, (table.state, table.layout.get("questions"))
    return table


def said(school):
    found = SchoolInRemit.objects.filter(school=school)
    return found.values_list("contact_name", "contact_email", "contact_phone", "classes").first()


def test_a_list_of_the_remit_adds_and_updates_and_what_it_leaves_empty_stays(nimes):
    new, known, other = SchoolFactory.create_batch(3)
    SchoolInRemitFactory(school=known, contact_name="Mme Roux", contact_email="roux@ecole.example", classes=4)
    SchoolInRemitFactory(school=other, contact_name="M. Petit")
    table = apply(
        remit_of(contacts((new, "M. Noir", "noir@ecole.example", "0466000000", 5), (known, "", "", "", 6),
                          (other, "M. Petit", "", "", "")))
    )  # fmt: skip
    assert table.outcome == {"added": 1, "updated": 1}
    assert said(new)[:2] == ("M. Noir", "noir@ecole.example")
    assert said(new)[3] == 5
    assert said(known) == ("Mme Roux", "roux@ecole.example", "", 6)
    assert set(ImportRow.objects.values_list("uai", "done")) == {
        (new.uai, "added"), (known.uai, "updated"), (other.uai, ""),
    }  # fmt: skip


def test_the_remit_is_put_back_unless_it_changed_or_serves_since(pool):
    new, served, known, moved = SchoolFactory.create_batch(4)
    SchoolInRemitFactory(school=known, contact_name="Mme Roux", contact_email="roux@ecole.example", classes=4)
    SchoolInRemitFactory(school=moved, classes=1)
    table = apply(
        remit_of(contacts((new, "M. Noir", "", "", 5), (served, "", "", "", 2), (known, "M. Vert", "", "", 6),
                          (moved, "", "", "", 7)))
    )  # fmt: skip
    give(pool, served, 1)
    said_now = {"contact_name": "", "contact_email": "", "contact_phone": "", "classes": 8}
    set_contact(uai=moved.uai, **said_now, by=UserFactory(), at=TERM)
    plan = operations.undo_plan(table.pk)
    assert ([one.uai for one in plan.removed], [one.uai for one in plan.restored]) == ([new.uai], [known.uai])
    undone = undo(table)
    assert left(undone) == {served.uai: "served", moved.uai: "changed"}
    assert undone.outcome["undone"]["removed"] == undone.outcome["undone"]["restored"] == 1
    assert said(new) is None
    assert said(known) == ("Mme Roux", "roux@ecole.example", "", 4)
    assert said(moved)[3] == 8


def test_the_worker_undoes_what_is_asked_for_once(pool):
    table, manager = applied(pool, listing((SchoolFactory(), 3))), UserFactory()
    for _ in range(2):
        operations.ask_undo(import_id=table.pk, by=manager, at=LATER)
    [job] = waiting("imports.undo", import_id=table.pk)
    assert progress.seen(table.pk, at=LATER).label == "Le fichier attend son tour"
    ImportProgress.objects.all().delete()  # of this test's transaction, which the worker's own connection cannot see
    tasks.undo(**{key: value for key, value in job["args"].items() if key != "schema"})
    table.refresh_from_db()
    assert (table.state, table.undone_by_id) == (ImportState.UNDONE, manager.pk)
    assert operations.ask_undo(import_id=table.pk, by=manager, at=LATER).state == ImportState.UNDONE
    assert Import.objects.count() == 1
