"""From upload to application: stored, checked, edited, applied once."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from collectivities.models import AuditEntry
from imports import queries, tasks
from imports.columns import Meaning
from imports.enums import ImportState, Verdict
from imports.exceptions import NothingToApply, RowsInError
from imports.models import ImportRow, RememberedLayout, SpreadsheetImport
from imports.operations import apply_rows, cancellation, intake, row_edits, upload
from licensing.pools.models import Allocation
from licensing.pools.operations import allocate
from licensing.pools.reductions import revoke
from mailing.models import Message
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import required_count, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.refusals import refuses


def verdicts(spreadsheet_import):
    return list(
        ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("number").values_list("verdict", flat=True)
    )


def row(spreadsheet_import, number):
    return ImportRow.objects.get(import_id=spreadsheet_import.pk, number=number)


def problem_codes(found):
    return [problem["code"] for problem in found.problems]


def confirm_and_apply(spreadsheet_import, *, by=None, send_on=None, at=TERM):
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=send_on,
        confirmed_count=required_count(spreadsheet_import),
        by=by,
        at=at,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=at.isoformat())
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def amend(spreadsheet_import, number, **change):
    return row_edits.amend_row(import_id=spreadsheet_import.pk, number=number, by=None, at=TERM, **change)


@pytest.mark.slow
def test_a_file_becomes_allocations_keys_and_emails(pool):
    one, two = SchoolFactory.create_batch(2)
    manager = UserFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((one, 3), (two, 2, "chef@ecole.fr")), by=manager)
    assert (spreadsheet_import.state, verdicts(spreadsheet_import)) == (ImportState.CHECKED, ["new", "new"])
    assert not Allocation.objects.exists()
    spreadsheet_import = confirm_and_apply(spreadsheet_import, by=manager)
    assert spreadsheet_import.state == ImportState.APPLIED
    assert spreadsheet_import.outcome == {
        "allocations": 2,
        "grown": 0,
        "reduced": 0,
        "revoked": 0,
        "units": 5,
        "returned": 0,
        "messages": 2,
    }
    assert list(Allocation.objects.order_by("pk").values_list("school_id", "units", "recipient", "import_id")) == [
        (one.uai, 3, one.email, spreadsheet_import.pk),
        (two.uai, 2, "chef@ecole.fr", spreadsheet_import.pk),
    ]
    assert Message.objects.count() == 2
    pool.refresh_from_db()
    assert pool.allocated == 5
    assert AuditEntry.objects.filter(action="import.applied", actor_id=manager.pk).count() == 1


@pytest.mark.slow
def test_a_confirmed_column_mapping_is_remembered_except_the_command_s(pool):
    confirm_and_apply(upload_and_parse(pool, schools_csv((SchoolFactory(), 1))))
    assert not RememberedLayout.objects.exists()
    officer = UserFactory()
    confirm_and_apply(upload_and_parse(pool, schools_csv((SchoolFactory(), 1))), by=officer)
    kept = RememberedLayout.objects.get()
    assert (kept.columns, kept.volume, kept.confirmed_by_id) == (
        {"uai": 0, "units": 1, "email": 2},
        "column",
        officer.pk,
    )
    assert upload_and_parse(pool, schools_csv((SchoolFactory(), 1))).layout.remembered


@pytest.mark.slow
def test_the_same_file_again_gives_nothing_and_a_higher_number_gives_the_difference(pool):
    one, two = SchoolFactory.create_batch(2)
    confirm_and_apply(upload_and_parse(pool, schools_csv((one, 3), (two, 2))))
    again = upload_and_parse(pool, schools_csv((one, 3), (two, 2)), filename="autre nom.csv")
    assert verdicts(again) == ["unchanged", "unchanged"]
    assert queries.find_same_file(again) is not None
    with pytest.raises(NothingToApply):
        confirm_and_apply(again)
    more = upload_and_parse(pool, schools_csv((one, 5), (two, 1)))
    assert verdicts(more) == ["changed", "conflict"]
    confirm_and_apply(more)
    assert Allocation.objects.get(school_id=one.uai).units == 5
    assert Allocation.objects.get(school_id=two.uai).units == 2


def test_the_recipient_defaults_to_the_portfolio_contact(pool):
    school = SchoolFactory()
    PortfolioSchoolFactory(school=school, contact_email="contact@ville.fr")
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1), (SchoolFactory(email=""), 1)))
    assert row(spreadsheet_import, 2).recipient == "contact@ville.fr"
    assert problem_codes(row(spreadsheet_import, 3)) == ["not_in_portfolio", "email_missing"]


@pytest.mark.slow
def test_closed_unknown_and_nursery_schools_are_reported(pool):
    closed = SchoolFactory(state=SchoolState.CLOSED, closed_at=TERM)
    nursery = SchoolFactory(has_elementary=False)
    college = SchoolFactory(type="Collège", has_elementary=None)
    school = SchoolFactory(type="Ecole", has_elementary=None)
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((closed, 1), ("0311131L", 1), (nursery, 1), (college, 1), (school, 1))
    )
    assert [problem_codes(row(spreadsheet_import, n)) for n in range(2, 7)] == [
        ["school_closed"], ["unknown_school"], ["no_elementary"], ["no_elementary"], [],
    ]  # fmt: skip
    assert [row(spreadsheet_import, n).ticked for n in range(2, 7)] == [False, False, False, False, True]
    assert amend(spreadsheet_import, 4, ticked=True).ticked
    with refuses("row_cannot_be_ticked"):
        amend(spreadsheet_import, 2, ticked=True)


@pytest.mark.slow
def test_a_row_is_corrected_in_place(pool):
    school, other = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((school, "x", "a@"), ("0000000A", 1), titles=("UAI", "Licences", "E-mail"))
    )
    assert problem_codes(row(spreadsheet_import, 2)) == ["units_invalid", "email_invalid"]
    fixed = amend(spreadsheet_import, 2, edits={"units": "4", "email": "a@b.fr"})
    assert (fixed.verdict, fixed.units, fixed.recipient, fixed.ticked) == (Verdict.NEW, 4, "a@b.fr", True)
    assert fixed.cells["units"] == "x"
    assert amend(spreadsheet_import, 3, edits={"uai": other.uai}).label.startswith(other.name)
    worse = amend(spreadsheet_import, 2, edits={"units": "-1"})
    assert (worse.verdict, worse.ticked) == (Verdict.ERROR, False)
    assert amend(spreadsheet_import, 2, edits={"units": "x"}).edits == {"email": "a@b.fr"}


@pytest.mark.slow
def test_ignoring_a_row_resolves_a_contradiction(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1), (school, 2), ("Total", 3)))
    assert verdicts(spreadsheet_import) == ["error", "error", "ignored"]
    amend(spreadsheet_import, 2, set_aside=True)
    assert verdicts(spreadsheet_import) == ["ignored", "new", "ignored"]
    assert row(spreadsheet_import, 3).ticked
    amend(spreadsheet_import, 2, set_aside=False)
    assert verdicts(spreadsheet_import) == ["error", "error", "ignored"]
    assert problem_codes(amend(spreadsheet_import, 4, set_aside=False)) == ["uai_invalid"]


@pytest.mark.slow
def test_ignoring_one_of_two_equal_rows_ticks_the_other(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1), (school, 1)))
    assert verdicts(spreadsheet_import) == ["new", "ignored"]
    amend(spreadsheet_import, 2, set_aside=True)
    assert [row(spreadsheet_import, n).ticked for n in (2, 3)] == [False, True]
    amend(spreadsheet_import, 2, set_aside=False)
    assert [row(spreadsheet_import, n).ticked for n in (2, 3)] == [True, False]


@pytest.mark.slow
def test_an_unticked_row_stays_unticked(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1)))
    amend(spreadsheet_import, 2, ticked=False)
    assert not amend(spreadsheet_import, 2, edits={"email": "a@b.fr"}).ticked
    with pytest.raises(NothingToApply):
        confirm_and_apply(spreadsheet_import)


def test_the_database_lets_one_row_of_a_school_at_most_be_ticked(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1), (school, 1)))
    found = row(spreadsheet_import, 3)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRow.objects.filter(pk=found.pk).update(ticked=True, verdict="new")


def test_all_of_a_tab_and_a_search_are_ticked_at_once(pool):
    nimes = SchoolFactory(name="École Jean-Jaurès", commune="Nîmes")
    ales = SchoolFactory(name="École Zola", commune="Alès")
    spreadsheet_import = upload_and_parse(pool, schools_csv((nimes, 1), (ales, 1), ("0000000A", 1)))
    assert row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=False, text="jean jaures") == 1
    assert [row(spreadsheet_import, n).ticked for n in (2, 3, 4)] == [False, True, False]
    assert row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=True) == 1
    assert row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=False, verdict="changed") == 0


@pytest.mark.slow
def test_confirming_twice_is_once_and_another_content_is_refused(pool):
    one, two = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv((one, 1), (two, 1)))
    shown = queries.compute_digest(spreadsheet_import)
    amend(spreadsheet_import, 3, ticked=False)
    with refuses("outdated"):
        apply_rows.confirm(import_id=spreadsheet_import.pk, digest=shown, send_on=None, by=None, at=TERM)
    shown = queries.compute_digest(spreadsheet_import)
    for _ in range(2):
        apply_rows.confirm(import_id=spreadsheet_import.pk, digest=shown, send_on=None, by=None, at=TERM)
    for _ in range(2):
        tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=TERM.isoformat())
    apply_rows.confirm(import_id=spreadsheet_import.pk, digest=shown, send_on=None, by=None, at=TERM)
    with refuses("invalid_state"):
        apply_rows.confirm(import_id=spreadsheet_import.pk, digest="another", send_on=None, by=None, at=TERM)
    assert Allocation.objects.count() == 1


@pytest.mark.slow
def test_a_change_between_confirming_and_applying_returns_the_import_for_review(pool):
    school, other = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3), (other, 1)))
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=TERM,
    )
    allocate(pool_id=pool.pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    tasks.apply(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert (spreadsheet_import.state, verdicts(spreadsheet_import)) == (ImportState.CHECKED, ["changed", "new"])
    assert "La situation a changé" in spreadsheet_import.refusal
    assert Allocation.objects.count() == 1
    confirm_and_apply(spreadsheet_import)
    assert Allocation.objects.get(school_id=school.uai).units == 3
    assert spreadsheet_import.refusal == ""


@pytest.mark.slow
def test_a_file_over_the_pool_s_capacity_is_refused_and_says_where(pool):
    spreadsheet_import = upload_and_parse(
        pool, schools_csv(*[(school, 40) for school in SchoolFactory.create_batch(3)])
    )
    tally = queries.get_tally(spreadsheet_import)
    assert (tally.units, tally.missing, tally.beyond) == (120, 20, (0, 4))
    with refuses("not_enough_licences") as refusal:
        confirm_and_apply(spreadsheet_import)
    assert "20" in refusal.value.sentence
    amend(spreadsheet_import, 4, edits={"units": "20"})
    confirm_and_apply(spreadsheet_import)
    pool.refresh_from_db()
    assert pool.free == 0


@pytest.mark.slow
def test_an_unusually_large_import_asks_for_its_number(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 90)))
    amend(spreadsheet_import, 2, ticked=True)
    for confirmed_count in (None, 89):
        with refuses("confirmation_required", match="90"):
            apply_rows.confirm(
                import_id=spreadsheet_import.pk,
                digest=queries.compute_digest(spreadsheet_import),
                send_on=None,
                confirmed_count=confirmed_count,
                by=None,
                at=TERM,
            )
    assert confirm_and_apply(spreadsheet_import).state == ImportState.APPLIED


@pytest.mark.slow
def test_rows_in_error_are_skipped_only_on_demand(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3), (SchoolFactory(), "x")))
    confirmation = {
        "import_id": spreadsheet_import.pk,
        "digest": queries.compute_digest(spreadsheet_import),
        "send_on": None,
        "by": None,
        "at": TERM,
    }
    with pytest.raises(RowsInError, match="ligne est en erreur"):
        apply_rows.confirm(**confirmation)
    apply_rows.confirm(**confirmation, only_valid=True)
    tasks.apply(import_id=spreadsheet_import.pk)
    assert Allocation.objects.get().units == 3


@pytest.mark.slow
def test_a_pool_emptied_in_the_meantime_refuses_the_whole_import(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 100)))
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=TERM,
    )
    other = SchoolFactory()
    allocation = allocate(pool_id=pool.pk, uai=other.uai, units=1, recipient=other.email, by=None, at=TERM)
    tasks.apply(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    assert "99" in spreadsheet_import.refusal
    revoke(allocation_id=allocation.pk, by=UserFactory(), at=TERM)
    assert confirm_and_apply(spreadsheet_import).state == ImportState.APPLIED


@pytest.mark.slow
def test_the_emails_leave_on_the_chosen_day(pool):
    day = datetime.date(2027, 1, 4)
    confirm_and_apply(upload_and_parse(pool, schools_csv((SchoolFactory(), 1))), send_on=day)
    assert Message.objects.get().due_at.date() == day


@pytest.mark.slow
def test_a_cancelled_import_is_neither_read_nor_applied(pool):
    school = SchoolFactory()
    spreadsheet_import = upload.store_upload(
        pool_id=pool.pk, filename="a.csv", content=schools_csv((school, 1)), units_for_all=None, by=None, at=TERM
    )
    cancellation.cancel(import_id=spreadsheet_import.pk, by=None, at=TERM)
    tasks.read(import_id=spreadsheet_import.pk)
    assert not ImportRow.objects.exists()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1)))
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=TERM,
    )
    cancellation.cancel(import_id=spreadsheet_import.pk, by=None, at=TERM)
    tasks.apply(import_id=spreadsheet_import.pk)
    assert not Allocation.objects.exists()
    applied = confirm_and_apply(upload_and_parse(pool, schools_csv((school, 1))))
    with refuses("invalid_state"):
        cancellation.cancel(import_id=applied.pk, by=None, at=TERM)


def test_a_refused_file_keeps_its_error_message(pool):
    spreadsheet_import = upload_and_parse(pool, b"<html><table>", filename="écoles.xls")
    assert spreadsheet_import.state == ImportState.REJECTED
    assert spreadsheet_import.refusal.startswith("Ce fichier est une page web")


@pytest.mark.slow
def test_a_question_is_answered_and_the_file_read_again(pool):
    school, other = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, other.uai), titles=("UAI", "RNE")))
    assert [question.code for question in spreadsheet_import.layout.questions] == [
        "uai_columns",
        "units_source_missing",
    ]
    intake.choose_layout(
        import_id=spreadsheet_import.pk,
        sheets=None,
        header_row=None,
        columns={Meaning.UAI: 1},
        volume="all",
        units_for_all=2,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    tasks.read(import_id=spreadsheet_import.pk)  # a job that runs twice
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    assert [(r.uai, r.units) for r in ImportRow.objects.all()] == [(other.uai, 2)]


@pytest.mark.slow
def test_reading_and_applying_take_as_many_queries_for_many_rows_as_for_few(pool):
    def statements(count):
        rows = [(school, 1) for school in SchoolFactory.create_batch(count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            confirm_and_apply(upload_and_parse(pool, schools_csv(*rows)))
        return len(captured)

    assert statements(2) == statements(20)
    assert SpreadsheetImport.objects.filter(state=ImportState.APPLIED).count() == 2
