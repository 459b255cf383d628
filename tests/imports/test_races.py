"""Simultaneous imports: the database decides, and the loser gets an error message."""

import datetime
from functools import partial

import pytest

from collectivities.models import AuditEntry, PortfolioSchool
from collectivities.operations import portfolio as additions
from collectivities.operations.portfolio import SchoolContact, write_portfolio
from core.exceptions import DomainError, Refusal
from imports import queries, tasks
from imports.enums import ImportState, Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import apply_rows, cancellation, row_edits, undo_import, upload
from licensing.entitlements.operations import redeem
from licensing.entitlements.queries import unseal_key
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations import allocate
from mailing.models import Message
from schools.models import School
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import required_count, upload_and_parse
from tests.imports.sample_files import build_csv, schools_csv
from tests.races import run_concurrently, three_rounds

pytestmark = pytest.mark.slow


def upload_and_confirm(pool, content):
    return confirm(upload_and_parse(pool, content))


def confirm(spreadsheet_import):
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=TERM,
    )
    return spreadsheet_import


def test_one_import_applied_by_many_workers_at_once_is_applied_once(committing):
    pool = PoolFactory(capacity=100)
    spreadsheet_import = upload_and_confirm(
        pool, schools_csv(*[(school, 2) for school in SchoolFactory.create_batch(10)])
    )
    run_concurrently(
        committing.schema_name, [lambda: tasks.apply(import_id=spreadsheet_import.pk)] * 8, expected_errors=()
    )
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED
    assert Allocation.objects.count() == Message.objects.count() == 10
    assert Pool.objects.get(pk=pool.pk).allocated == 20


def test_two_managers_confirm_the_same_import_at_once(committing):
    pool = PoolFactory(capacity=100)
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 2)))
    shown = queries.compute_digest(spreadsheet_import)

    def confirm():
        return apply_rows.confirm(import_id=spreadsheet_import.pk, digest=shown, send_on=None, by=None, at=TERM).pk

    assert (
        run_concurrently(committing.schema_name, [confirm] * 8, expected_errors=DomainError)
        == [spreadsheet_import.pk] * 8
    )
    tasks.apply(import_id=spreadsheet_import.pk)
    assert Allocation.objects.count() == 1


def test_of_two_imports_over_the_last_licences_one_is_refused(committing):
    pool = PoolFactory(capacity=10)
    tables = [upload_and_confirm(pool, schools_csv((SchoolFactory(), 6), (SchoolFactory(), 4))) for _ in range(2)]
    run_concurrently(
        committing.schema_name, [lambda t=t: tasks.apply(import_id=t.pk) for t in tables], expected_errors=()
    )
    states = sorted(SpreadsheetImport.objects.values_list("state", flat=True))
    assert states == [ImportState.APPLIED, ImportState.CHECKED]
    assert "lot" in SpreadsheetImport.objects.get(state=ImportState.CHECKED).refusal
    assert Pool.objects.get(pk=pool.pk).allocated == 10
    assert Allocation.objects.count() == 2


def test_a_row_is_changed_while_the_import_is_confirmed(committing):
    pool = PoolFactory(capacity=10)
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 6), (SchoolFactory(), 4)))
    shown = queries.compute_digest(spreadsheet_import)
    confirm = lambda: apply_rows.confirm(import_id=spreadsheet_import.pk, digest=shown, send_on=None, by=None, at=TERM)  # noqa: E731
    untick = lambda: row_edits.amend_row(import_id=spreadsheet_import.pk, number=3, ticked=False, by=None, at=TERM)  # noqa: E731
    outcomes = run_concurrently(committing.schema_name, [confirm, untick], expected_errors=DomainError)
    # The second was refused: what is applied is what was shown.
    assert sum(isinstance(outcome, DomainError) for outcome in outcomes) == 1


def test_an_import_is_cancelled_while_it_is_applied(committing):
    pool = PoolFactory(capacity=10)
    spreadsheet_import = upload_and_confirm(pool, schools_csv((SchoolFactory(), 6)))
    cancel = lambda: cancellation.cancel(import_id=spreadsheet_import.pk, by=None, at=TERM)  # noqa: E731
    run_concurrently(
        committing.schema_name,
        [lambda: tasks.apply(import_id=spreadsheet_import.pk), cancel],
        expected_errors=DomainError,
    )
    spreadsheet_import.refresh_from_db()
    given = Allocation.objects.count()
    assert (spreadsheet_import.state, given) in [(ImportState.APPLIED, 1), (ImportState.CANCELLED, 0)]


def test_one_file_uploaded_and_applied_twice_at_once_allocates_once(committing):
    pool = PoolFactory(capacity=100)
    content = schools_csv(*[(school, 2) for school in SchoolFactory.create_batch(5)])
    tables = [upload_and_confirm(pool, content) for _ in range(2)]
    run_concurrently(
        committing.schema_name, [lambda t=t: tasks.apply(import_id=t.pk) for t in tables * 2], expected_errors=()
    )
    assert sorted(SpreadsheetImport.objects.values_list("state", flat=True)) == [
        ImportState.APPLIED,
        ImportState.CHECKED,
    ]
    # The other is refused, and shows that nothing is left to allocate.
    late = SpreadsheetImport.objects.get(state=ImportState.CHECKED)
    assert "La situation a changé" in late.refusal
    assert set(ImportRow.objects.filter(import_id=late.pk).values_list("verdict", flat=True)) == {"unchanged"}
    assert Allocation.objects.count() == Message.objects.count() == 5
    assert Pool.objects.get(pk=pool.pk).allocated == 10


@three_rounds
def test_an_import_is_undone_while_a_principal_redeems_one_of_its_keys(committing, race_round):
    pool = PoolFactory(capacity=100)
    schools, grown = SchoolFactory.create_batch(6), SchoolFactory()
    allocate(pool_id=pool.pk, uai=grown.uai, units=1, recipient=grown.email, by=None, at=TERM)
    spreadsheet_import = upload_and_confirm(pool, schools_csv(*[(school, 2) for school in [*schools, grown]]))
    tasks.apply(import_id=spreadsheet_import.pk)
    # Half of the principals redeem their keys: the first and last schools in lock order, and the grown one.
    redeemed_allocations = Allocation.objects.select_related("key").filter(school__in=[schools[0], schools[5], grown])
    typing = [
        partial(redeem, code=unseal_key(allocation.key), by=PrincipalFactory(), at=TERM, school=allocation.school_id)
        for allocation in redeemed_allocations
    ]
    undo = partial(undo_import.undo, import_id=spreadsheet_import.pk, by=None, at=TERM)
    outcomes = run_concurrently(committing.schema_name, [*typing, undo, undo], expected_errors=DomainError)
    assert not isinstance(outcomes[-1], DomainError)
    spreadsheet_import.refresh_from_db()
    undone = spreadsheet_import.outcome["undone"]
    kept = Allocation.objects.active().select_related("key__subscription")
    redeemed = [one for one in kept if one.key.redeemed_at is not None]
    # Each key is either redeemed, with its allocation's units, and listed, or revoked.
    assert all(one.units == one.key.units == one.key.subscription.size for one in redeemed)
    listed = {one["uai"] for one in undone["kept"]}
    assert listed == {one.school_id for one in redeemed if one.school_id != grown.uai or one.units == 2}
    assert {one.school_id for one in kept} == {one.school_id for one in redeemed} | {grown.uai}
    assert undone["revoked"] + undone["reduced"] + len(listed) == 7
    assert Pool.objects.get(pk=pool.pk).allocated == sum(one.units for one in kept)
    assert AuditEntry.objects.filter(action="import.undone").count() == 1


def test_an_import_is_undone_while_another_allocates_more_to_its_schools(committing):
    pool = PoolFactory(capacity=100)
    schools = SchoolFactory.create_batch(4)
    spreadsheet_import = upload_and_confirm(pool, schools_csv(*[(school, 2) for school in schools]))
    tasks.apply(import_id=spreadsheet_import.pk)
    more = upload_and_confirm(pool, schools_csv(*[(school, 5) for school in schools]))
    undo = partial(undo_import.undo, import_id=spreadsheet_import.pk, by=None, at=TERM)
    run_concurrently(committing.schema_name, [undo, lambda: tasks.apply(import_id=more.pk)], expected_errors=())
    more.refresh_from_db()
    units = sorted(Allocation.objects.active().values_list("units", flat=True))
    # Either all was revoked and the second import returns for review, or all grew and is left.
    assert (more.state, units) in [(ImportState.CHECKED, []), (ImportState.APPLIED, [5] * 4)]
    assert Pool.objects.get(pk=pool.pk).allocated == sum(units)


@pytest.mark.small
def test_two_imports_write_the_same_portfolio_schools_at_once(committing):
    schools = SchoolFactory.create_batch(12)
    lists = [{school.uai: SchoolContact(contact_name=name) for school in order}
             for name, order in (("Mme Roux", schools), ("M. Noir", schools[::-1]))]  # fmt: skip
    write = [partial(write_portfolio, entries=entries, by=None, at=TERM) for entries in lists]
    written = run_concurrently(committing.schema_name, write, expected_errors=())
    assert sorted(len(one.added) for one in written) == [0, 12]
    [name] = set(PortfolioSchool.objects.values_list("contact_name", flat=True))
    # The second saw and changed what the first had written.
    [second] = [one for one in written if not one.added]
    assert {contact.contact_name for contact in second.before.values()} == {"Mme Roux", "M. Noir"} - {name}


@three_rounds
def test_schools_of_a_territory_are_added_and_undone_while_an_import_writes_them(committing, race_round):
    """Each is there once with what the import says, at once or after the look that the import asks for again."""
    schools = SchoolFactory.create_batch(20)
    content = build_csv([["UAI", "Nombre de classes"], *[[school.uai, 5] for school in schools]])
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO, pool_id=None, filename="a.csv", content=content, units_for_all=None, by=None, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    confirm(spreadsheet_import)
    uais = [school.pk for school in schools]
    moment = TERM + datetime.timedelta(minutes=1)

    def add():
        return additions.add_schools(uais=uais, what="écoles publiques de Nîmes", by=None, at=moment)

    def undo():
        return additions.undo_addition(added_at=moment, holding=School.objects.none().values("uai"), by=None, at=moment)

    outcomes = run_concurrently(
        committing.schema_name,
        [add, undo, partial(tasks.apply, import_id=spreadsheet_import.pk), add, undo],
        expected_errors=Refusal,
    )
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} <= {"addition_not_undoable"}
    spreadsheet_import.refresh_from_db()
    if spreadsheet_import.state == ImportState.CHECKED:
        assert not PortfolioSchool.objects.filter(classes__isnull=False).exists()
        confirm(spreadsheet_import)
        tasks.apply(import_id=spreadsheet_import.pk)
        spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED
    assert dict(PortfolioSchool.objects.values_list("school_id", "classes")) == dict.fromkeys(uais, 5)
