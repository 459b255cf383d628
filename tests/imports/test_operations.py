"""From the upload to the application: what is stored, judged, corrected, and applied once."""

from __future__ import annotations

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from collectivities.models import AuditEntry
from imports import operations, queries, tasks
from imports.enums import ImportState, Verdict
from imports.exceptions import (
    Braked,
    NothingToApply,
    Outdated,
    RowCannotBeTicked,
    RowsInError,
    TooMuch,
    WrongMoment,
)
from imports.models import Import, ImportRow, RememberedLayout
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate, revoke
from mailing.models import Message
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import asked_number, listing, uploaded


def verdicts(table):
    return list(ImportRow.objects.filter(import_id=table.pk).order_by("number").values_list("verdict", flat=True))


def row(table, number):
    return ImportRow.objects.get(import_id=table.pk, number=number)


def codes(found):
    return [problem["code"] for problem in found.problems]


def apply(table, *, by=None, send_on=None, at=TERM):
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=send_on, typed=asked_number(table), by=by, at=at
    )
    tasks.apply(import_id=table.pk, confirmed_at=at.isoformat())
    table.refresh_from_db()
    return table


def amend(table, number, **change):
    return operations.amend(import_id=table.pk, number=number, by=None, at=TERM, **change)


def test_a_file_becomes_allocations_keys_and_emails(pool):
    one, two = SchoolFactory.create_batch(2)
    manager = UserFactory()
    table = uploaded(pool, listing((one, 3), (two, 2, "chef@ecole.fr")), by=manager)
    assert (table.state, verdicts(table)) == (ImportState.CHECKED, ["new", "new"])
    assert not Allocation.objects.exists()
    table = apply(table, by=manager)
    assert table.state == ImportState.APPLIED
    assert table.outcome == {
        "allocations": 2,
        "grown": 0,
        "reduced": 0,
        "revoked": 0,
        "units": 5,
        "returned": 0,
        "messages": 2,
    }
    assert list(Allocation.objects.order_by("pk").values_list("school_id", "units", "recipient", "import_id")) == [
        (one.uai, 3, one.email, table.pk),
        (two.uai, 2, "chef@ecole.fr", table.pk),
    ]
    assert Message.objects.count() == 2
    pool.refresh_from_db()
    assert pool.allocated == 5
    assert AuditEntry.objects.filter(action="import.applied", actor_id=manager.pk).count() == 1


def test_a_layout_that_a_member_goes_on_with_is_remembered_and_the_commands_is_not(pool):
    apply(uploaded(pool, listing((SchoolFactory(), 1))))
    assert not RememberedLayout.objects.exists()
    officer = UserFactory()
    apply(uploaded(pool, listing((SchoolFactory(), 1))), by=officer)
    kept = RememberedLayout.objects.get()
    assert (kept.columns, kept.volume, kept.confirmed_by_id) == (
        {"uai": 0, "units": 1, "email": 2},
        "column",
        officer.pk,
    )
    assert uploaded(pool, listing((SchoolFactory(), 1))).layout["remembered"]


def test_the_same_file_again_gives_nothing_and_a_higher_number_gives_the_difference(pool):
    one, two = SchoolFactory.create_batch(2)
    apply(uploaded(pool, listing((one, 3), (two, 2))))
    again = uploaded(pool, listing((one, 3), (two, 2)), filename="autre nom.csv")
    assert verdicts(again) == ["unchanged", "unchanged"]
    assert queries.same_file(again) is not None
    with pytest.raises(NothingToApply):
        apply(again)
    more = uploaded(pool, listing((one, 5), (two, 1)))
    assert verdicts(more) == ["changed", "conflict"]
    apply(more)
    assert Allocation.objects.get(school_id=one.uai).units == 5
    assert Allocation.objects.get(school_id=two.uai).units == 2


def test_the_recipient_is_the_remits_contact_where_the_file_says_none(pool):
    school = SchoolFactory()
    SchoolInRemitFactory(school=school, contact_email="contact@ville.fr")
    table = uploaded(pool, listing((school, 1), (SchoolFactory(email=""), 1)))
    assert row(table, 2).recipient == "contact@ville.fr"
    assert codes(row(table, 3)) == ["outside_remit", "no_email"]


def test_closed_unknown_and_nursery_schools_are_told(pool):
    closed = SchoolFactory(state=SchoolState.CLOSED, closed_at=TERM)
    nursery = SchoolFactory(has_elementary=False)
    college = SchoolFactory(type="Collège", has_elementary=None)
    school = SchoolFactory(type="Ecole", has_elementary=None)
    table = uploaded(pool, listing((closed, 1), ("0311131L", 1), (nursery, 1), (college, 1), (school, 1)))
    assert [codes(row(table, n)) for n in range(2, 7)] == [
        ["closed_school"], ["unknown_school"], ["no_elementary"], ["no_elementary"], [],
    ]  # fmt: skip
    assert [row(table, n).ticked for n in range(2, 7)] == [False, False, False, False, True]
    assert amend(table, 4, ticked=True).ticked
    with pytest.raises(RowCannotBeTicked):
        amend(table, 2, ticked=True)


def test_a_row_is_corrected_in_place(pool):
    school, other = SchoolFactory.create_batch(2)
    table = uploaded(pool, listing((school, "x", "a@"), ("0000000A", 1), titles=("UAI", "Licences", "E-mail")))
    assert codes(row(table, 2)) == ["units_invalid", "email_invalid"]
    fixed = amend(table, 2, edits={"units": "4", "email": "a@b.fr"})
    assert (fixed.verdict, fixed.units, fixed.recipient, fixed.ticked) == (Verdict.NEW, 4, "a@b.fr", True)
    assert fixed.cells["units"] == "x"
    assert amend(table, 3, edits={"uai": other.uai}).label.startswith(other.name)
    worse = amend(table, 2, edits={"units": "-1"})
    assert (worse.verdict, worse.ticked) == (Verdict.ERROR, False)
    assert amend(table, 2, edits={"units": "x"}).edits == {"email": "a@b.fr"}


def test_putting_a_row_aside_settles_a_contradiction(pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, 1), (school, 2), ("Total", 3)))
    assert verdicts(table) == ["error", "error", "ignored"]
    amend(table, 2, set_aside=True)
    assert verdicts(table) == ["ignored", "new", "ignored"]
    assert row(table, 3).ticked
    amend(table, 2, set_aside=False)
    assert verdicts(table) == ["error", "error", "ignored"]
    assert codes(amend(table, 4, set_aside=False)) == ["uai_invalid"]


def test_equal_rows_of_a_school_change_places(pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, 1), (school, 1)))
    assert verdicts(table) == ["new", "ignored"]
    amend(table, 2, set_aside=True)
    assert [row(table, n).ticked for n in (2, 3)] == [False, True]
    amend(table, 2, set_aside=False)
    assert [row(table, n).ticked for n in (2, 3)] == [True, False]


def test_a_tick_that_was_taken_away_stays_away(pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, 1)))
    amend(table, 2, ticked=False)
    assert not amend(table, 2, edits={"email": "a@b.fr"}).ticked
    with pytest.raises(NothingToApply):
        apply(table)


def test_the_database_lets_one_row_of_a_school_at_most_be_ticked(pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, 1), (school, 1)))
    found = row(table, 3)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRow.objects.filter(pk=found.pk).update(ticked=True, verdict="new")


def test_all_of_a_tab_and_a_search_are_ticked_at_once(pool):
    nimes = SchoolFactory(name="École Jean-Jaurès", commune="Nîmes")
    ales = SchoolFactory(name="École Zola", commune="Alès")
    table = uploaded(pool, listing((nimes, 1), (ales, 1), ("0000000A", 1)))
    assert operations.tick_all(import_id=table.pk, ticked=False, text="jean jaures") == 1
    assert [row(table, n).ticked for n in (2, 3, 4)] == [False, True, False]
    assert operations.tick_all(import_id=table.pk, ticked=True) == 1
    assert operations.tick_all(import_id=table.pk, ticked=False, verdict="changed") == 0


def test_confirming_twice_is_once_and_another_content_is_refused(pool):
    one, two = SchoolFactory.create_batch(2)
    table = uploaded(pool, listing((one, 1), (two, 1)))
    shown = queries.digest(table)
    amend(table, 3, ticked=False)
    with pytest.raises(Outdated):
        operations.confirm(import_id=table.pk, digest=shown, send_on=None, by=None, at=TERM)
    shown = queries.digest(table)
    for _ in range(2):
        operations.confirm(import_id=table.pk, digest=shown, send_on=None, by=None, at=TERM)
    for _ in range(2):
        tasks.apply(import_id=table.pk, confirmed_at=TERM.isoformat())
    operations.confirm(import_id=table.pk, digest=shown, send_on=None, by=None, at=TERM)
    with pytest.raises(WrongMoment):
        operations.confirm(import_id=table.pk, digest="another", send_on=None, by=None, at=TERM)
    assert Allocation.objects.count() == 1


def test_what_changed_between_confirmation_and_application_hands_the_import_back(pool):
    school, other = SchoolFactory.create_batch(2)
    table = uploaded(pool, listing((school, 3), (other, 1)))
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=None, typed=asked_number(table), by=None, at=TERM
    )
    allocate(pool_id=pool.pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    tasks.apply(import_id=table.pk)
    table.refresh_from_db()
    assert (table.state, verdicts(table)) == (ImportState.CHECKED, ["changed", "new"])
    assert "La situation a changé" in table.refusal
    assert Allocation.objects.count() == 1
    apply(table)
    assert Allocation.objects.get(school_id=school.uai).units == 3
    assert table.refusal == ""


def test_a_file_over_the_lots_last_licences_is_refused_and_says_where(pool):
    table = uploaded(pool, listing(*[(school, 40) for school in SchoolFactory.create_batch(3)]))
    tally = queries.tally(table)
    assert (tally.units, tally.missing, tally.beyond) == (120, 20, (0, 4))
    with pytest.raises(TooMuch) as refusal:
        apply(table)
    assert "20" in refusal.value.sentence
    amend(table, 4, edits={"units": "20"})
    apply(table)
    pool.refresh_from_db()
    assert pool.free == 0


def test_what_is_out_of_proportion_asks_for_its_number(pool):
    table = uploaded(pool, listing((SchoolFactory(), 90)))
    amend(table, 2, ticked=True)
    for typed in (None, 89):
        with pytest.raises(Braked, match="90"):
            operations.confirm(
                import_id=table.pk, digest=queries.digest(table), send_on=None, typed=typed, by=None, at=TERM
            )
    assert apply(table).state == ImportState.APPLIED


def test_rows_in_error_are_left_only_on_demand(pool):
    table = uploaded(pool, listing((SchoolFactory(), 3), (SchoolFactory(), "x")))
    asked = {"import_id": table.pk, "digest": queries.digest(table), "send_on": None, "by": None, "at": TERM}
    with pytest.raises(RowsInError, match="ligne est en erreur"):
        operations.confirm(**asked)
    operations.confirm(**asked, only_valid=True)
    tasks.apply(import_id=table.pk)
    assert Allocation.objects.get().units == 3


def test_a_lot_that_was_emptied_meanwhile_is_said_and_nothing_given(pool):
    table = uploaded(pool, listing((SchoolFactory(), 100)))
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=None, typed=asked_number(table), by=None, at=TERM
    )
    other = SchoolFactory()
    allocation = allocate(pool_id=pool.pk, uai=other.uai, units=1, recipient=other.email, by=None, at=TERM)
    tasks.apply(import_id=table.pk)
    table.refresh_from_db()
    assert table.state == ImportState.CHECKED
    assert "99" in table.refusal
    revoke(allocation_id=allocation.pk, by=UserFactory(), at=TERM)
    assert apply(table).state == ImportState.APPLIED


def test_the_emails_leave_on_the_chosen_day(pool):
    day = datetime.date(2027, 1, 4)
    apply(uploaded(pool, listing((SchoolFactory(), 1))), send_on=day)
    assert Message.objects.get().due_at.date() == day


def test_a_cancelled_import_is_neither_read_nor_applied(pool):
    school = SchoolFactory()
    table = operations.upload(
        pool_id=pool.pk, filename="a.csv", content=listing((school, 1)), units_for_all=None, by=None, at=TERM
    )
    operations.cancel(import_id=table.pk, by=None, at=TERM)
    tasks.read(import_id=table.pk)
    assert not ImportRow.objects.exists()
    table = uploaded(pool, listing((school, 1)))
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=None, typed=asked_number(table), by=None, at=TERM
    )
    operations.cancel(import_id=table.pk, by=None, at=TERM)
    tasks.apply(import_id=table.pk)
    assert not Allocation.objects.exists()
    applied = apply(uploaded(pool, listing((school, 1))))
    with pytest.raises(WrongMoment):
        operations.cancel(import_id=applied.pk, by=None, at=TERM)


def test_a_refused_file_keeps_its_sentence(pool):
    table = uploaded(pool, b"<html><table>", filename="écoles.xls")
    assert table.state == ImportState.REJECTED
    assert table.refusal.startswith("Ce fichier est une page web")


def test_a_question_is_answered_and_the_file_read_again(pool):
    school, other = SchoolFactory.create_batch(2)
    table = uploaded(pool, listing((school, other.uai), titles=("UAI", "RNE")))
    assert [question["code"] for question in table.layout["questions"]] == ["ambiguous_column", "no_units"]
    operations.choose(
        import_id=table.pk, sheets=None, header_row=None, columns={"uai": 1}, units_for_all=2, by=None, at=TERM
    )
    tasks.read(import_id=table.pk)
    tasks.read(import_id=table.pk)  # a job that runs twice
    table.refresh_from_db()
    assert table.state == ImportState.CHECKED
    assert [(r.uai, r.units) for r in ImportRow.objects.all()] == [(other.uai, 2)]


def test_reading_and_applying_take_as_many_queries_for_many_rows_as_for_few(pool):
    def statements(count):
        rows = [(school, 1) for school in SchoolFactory.create_batch(count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            apply(uploaded(pool, listing(*rows)))
        return len(captured)

    assert statements(2) == statements(20)
    assert Import.objects.filter(state=ImportState.APPLIED).count() == 2
