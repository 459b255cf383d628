"""Schools that the directory does not know yet: kept aside, offered again once it does, taken up once."""

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


def applied(table):
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=None, only_valid=True, by=None, at=TERM
    )
    tasks.apply(import_id=table.pk, confirmed_at=TERM.isoformat())
    table.refresh_from_db()
    assert table.state == ImportState.APPLIED
    return table


def take_up(table, **more):
    return awaited.take_up(import_id=table.pk, by=None, at=TERM, **more)


@pytest.fixture
def waiting(pool):
    """An applied list of three schools, two of which the directory does not know; and their UAI."""
    uais = [next_uai(), next_uai()]
    table = applied(uploaded(pool, listing((SchoolFactory(), 1), (uais[0], 4, "a@b.fr"), (uais[1], 2))))
    return table, uais


def test_schools_left_out_are_offered_once_the_directory_knows_them(waiting):
    table, uais = waiting
    assert awaited.arrived() == []
    SchoolFactory(uai=uais[0])
    SchoolFactory(uai=uais[1], state=SchoolState.CLOSED, closed_at=TERM)
    assert [(arrival.table, arrival.schools) for arrival in awaited.arrived()] == [(table, 1)]
    follow_up = take_up(table)
    assert AuditEntry.objects.filter(action="import.taken_up", object_id=follow_up.pk).count() == 1
    tasks.read(import_id=follow_up.pk)
    follow_up.refresh_from_db()
    assert (follow_up.state, follow_up.pool_id) == (ImportState.CHECKED, table.pool_id)
    row = ImportRow.objects.get(import_id=follow_up.pk)
    assert (row.uai, row.verdict, row.units, row.recipient) == (uais[0], Verdict.NEW, 4, "a@b.fr")
    assert awaited.arrived() == []
    with pytest.raises(NothingArrived):
        take_up(table)
    applied(follow_up)
    assert Allocation.objects.filter(school_id=uais[0], units=4).count() == 1


def test_a_table_still_being_verified_takes_them_back_itself(pool):
    uai = next_uai()
    table = uploaded(pool, listing((uai, 2)))
    operations.amend(import_id=table.pk, number=2, awaited=True, by=None, at=TERM)
    SchoolFactory(uai=uai)
    assert take_up(table) == table
    row = ImportRow.objects.get(import_id=table.pk)
    assert (row.verdict, row.ticked, row.awaited, row.set_aside) == (Verdict.NEW, True, False, False)
    assert Import.objects.count() == 1


def test_of_a_cancelled_table_nothing_is_awaited(waiting):
    _, uais = waiting
    SchoolFactory(uai=uais[0])
    Import.objects.update(state=ImportState.CANCELLED, applied_at=None)
    assert awaited.arrived() == []


def test_a_lot_that_ended_asks_for_another(waiting):
    table, uais = waiting
    SchoolFactory(uai=uais[0])
    later = TERM + datetime.timedelta(days=365)
    with pytest.raises(LotEnded):
        awaited.take_up(import_id=table.pk, by=None, at=later)
    other = PoolFactory(source=SourceFactory(last_day=datetime.date(2028, 8, 31)))
    follow_up = awaited.take_up(import_id=table.pk, pool_id=other.pk, by=None, at=later)
    assert follow_up.pool_id == other.pk


def test_what_the_remit_waits_for_goes_into_the_remit(nimes):
    uai = next_uai()
    known = SchoolFactory()
    table = operations.upload(
        purpose=Purpose.REMIT,
        pool_id=None,
        filename="écoles.csv",
        content=listing((known, 5), (uai, 7), titles=("UAI", "Classes")),
        units_for_all=None,
        by=None,
        at=TERM,
    )
    tasks.read(import_id=table.pk)
    applied(table)
    SchoolFactory(uai=uai)
    follow_up = take_up(table)
    tasks.read(import_id=follow_up.pk)
    row = ImportRow.objects.get(import_id=follow_up.pk)
    assert (row.uai, row.classes, row.verdict) == (uai, 7, Verdict.NEW)


@pytest.mark.xdist_group("races")
def test_two_members_take_up_at_once_and_one_table_is_made(committing):
    uai = next_uai()
    table = applied(uploaded(PoolFactory(capacity=100), listing((SchoolFactory(), 1), (uai, 4))))
    SchoolFactory(uai=uai)
    outcomes = at_once(connection.schema_name, [lambda: take_up(table)] * 4, refusals=Refused)
    assert sum(isinstance(outcome, NothingArrived) for outcome in outcomes) == 3
    assert Import.objects.count() == 2
