"""Schools that the directory lacks: kept waiting, offered again once it has them, resumed once."""

from __future__ import annotations

import datetime

import pytest
from django.db import connection

from collectivities.models import AuditEntry
from imports import operations, queries, tasks
from imports.enums import ImportState, Purpose, Verdict
from imports.exceptions import LotEnded, NothingArrived
from imports.models import Import, ImportRow
from imports.operations import awaited
from licensing.exceptions import Refused
from licensing.pools.models import Allocation
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory, SourceFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.conftest import listing, uploaded
from tests.races import at_once


def applied(spreadsheet_import):
    operations.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.digest(spreadsheet_import),
        send_on=None,
        only_valid=True,
        by=None,
        at=TERM,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=TERM.isoformat())
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED
    return spreadsheet_import


def take_up(spreadsheet_import, **more):
    return awaited.take_up(import_id=spreadsheet_import.pk, by=None, at=TERM, **more)


@pytest.fixture
def waiting(pool):
    """An applied import of three schools, two of which the directory lacks; and their UAI."""
    uais = [next_uai(), next_uai()]
    spreadsheet_import = applied(uploaded(pool, listing((SchoolFactory(), 1), (uais[0], 4, "a@b.fr"), (uais[1], 2))))
    return spreadsheet_import, uais


def test_unknown_schools_are_offered_again_once_the_directory_has_them(waiting):
    spreadsheet_import, uais = waiting
    assert awaited.arrived() == []
    SchoolFactory(uai=uais[0])
    SchoolFactory(uai=uais[1], state=SchoolState.CLOSED, closed_at=TERM)
    assert [(arrival.table, arrival.schools) for arrival in awaited.arrived()] == [(spreadsheet_import, 1)]
    follow_up = take_up(spreadsheet_import)
    assert AuditEntry.objects.filter(action="import.taken_up", object_id=follow_up.pk).count() == 1
    tasks.read(import_id=follow_up.pk)
    follow_up.refresh_from_db()
    assert (follow_up.state, follow_up.pool_id) == (ImportState.CHECKED, spreadsheet_import.pool_id)
    row = ImportRow.objects.get(import_id=follow_up.pk)
    assert (row.uai, row.verdict, row.units, row.recipient) == (uais[0], Verdict.NEW, 4, "a@b.fr")
    assert awaited.arrived() == []
    with pytest.raises(NothingArrived):
        take_up(spreadsheet_import)
    applied(follow_up)
    assert Allocation.objects.filter(school_id=uais[0], units=4).count() == 1


def test_an_import_still_under_review_takes_its_schools_back(pool):
    uai = next_uai()
    spreadsheet_import = uploaded(pool, listing((uai, 2)))
    operations.amend(import_id=spreadsheet_import.pk, number=2, awaited=True, by=None, at=TERM)
    SchoolFactory(uai=uai)
    assert take_up(spreadsheet_import) == spreadsheet_import
    row = ImportRow.objects.get(import_id=spreadsheet_import.pk)
    assert (row.verdict, row.ticked, row.awaited, row.set_aside) == (Verdict.NEW, True, False, False)
    assert Import.objects.count() == 1


def test_a_cancelled_import_awaits_no_school(waiting):
    _, uais = waiting
    SchoolFactory(uai=uais[0])
    Import.objects.update(state=ImportState.CANCELLED, applied_at=None)
    assert awaited.arrived() == []


def test_a_lot_that_ended_asks_for_another(waiting):
    spreadsheet_import, uais = waiting
    SchoolFactory(uai=uais[0])
    later = TERM + datetime.timedelta(days=365)
    with pytest.raises(LotEnded):
        awaited.take_up(import_id=spreadsheet_import.pk, by=None, at=later)
    other = PoolFactory(source=SourceFactory(last_day=datetime.date(2028, 8, 31)))
    follow_up = awaited.take_up(import_id=spreadsheet_import.pk, pool_id=other.pk, by=None, at=later)
    assert follow_up.pool_id == other.pk


def test_schools_awaited_by_the_portfolio_are_added_to_it(nimes):
    uai = next_uai()
    known = SchoolFactory()
    spreadsheet_import = operations.upload(
        purpose=Purpose.REMIT,
        pool_id=None,
        filename="écoles.csv",
        content=listing((known, 5), (uai, 7), titles=("UAI", "Classes")),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=spreadsheet_import.pk)
    applied(spreadsheet_import)
    SchoolFactory(uai=uai)
    follow_up = take_up(spreadsheet_import)
    tasks.read(import_id=follow_up.pk)
    row = ImportRow.objects.get(import_id=follow_up.pk)
    assert (row.uai, row.classes, row.verdict) == (uai, 7, Verdict.NEW)


@pytest.mark.xdist_group("races")
def test_two_members_resume_at_once_and_one_import_is_created(committing):
    uai = next_uai()
    spreadsheet_import = applied(uploaded(PoolFactory(capacity=100), listing((SchoolFactory(), 1), (uai, 4))))
    SchoolFactory(uai=uai)
    outcomes = at_once(connection.schema_name, [lambda: take_up(spreadsheet_import)] * 4, refusals=Refused)
    assert sum(isinstance(outcome, NothingArrived) for outcome in outcomes) == 3
    assert Import.objects.count() == 2
