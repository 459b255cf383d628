"""What an office names of the public schema stays, without a constraint; the audit finds what is not there."""

# ruff: noqa: S608 - names of our own models

import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from licensing.pools.models import Allocation
from licensing.reminders.models import Reminder, ReminderStop
from tests.api.client import create_token
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.collectivities import MemberFactory
from tests.rebalancing.unbalanced_pool import UnbalancedPool
from tests.renewals.renewed_office import RenewedOffice
from tests.sites.audit.violations import list_all_violations
from tests.tenants.references import list_referenced, list_references
from tests.tiers import sampled

#: The rules that find a reference to nothing: the others were there before (rules 10 and 13).
FINDING_RULES = {"public_references", "references", "tokens_accounts"}


@pytest.fixture
def referring(nimes):
    """A row in each table of an office that refers to the public schema."""
    lot = UnbalancedPool(nimes)
    request = lot.ask()
    lot.rebalance({lot.zola.pk: 3}, {request.school_id: 3})
    renewed = RenewedOffice(nimes)
    renewed.edit({renewed.verne.pk: 2})
    renewed.order()
    MemberFactory()
    create_token()
    allocation = Allocation.objects.active().first()
    Reminder.objects.create(
        allocation=allocation, school_id=allocation.school_id, cause="unredeemed", step=10,
        planned_for=TERM.date() + datetime.timedelta(days=10),
    )  # fmt: skip
    ReminderStop.objects.create(school_id=lot.jaures.school.pk, at=TERM)


@pytest.mark.slow
def test_sound_references_break_no_rule(referring):
    assert not FINDING_RULES & set(list_all_violations())


@pytest.mark.slow
@pytest.mark.parametrize("reference", list_references(), ids=str)
def test_a_reference_to_nothing_is_found_and_named(referring, reference):
    table, column = reference.table, reference.column
    nothing = "0000000Z" if reference.public_key == "uai" else "987654321"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE id = (SELECT max(id) FROM {table} WHERE {column} IS NOT NULL)"
            " RETURNING id",
            [nothing],
        )
        [(row,)] = cursor.fetchall()
    found = [one for code, named in list_all_violations().items() if code in FINDING_RULES for one in named]
    assert any(f"n° {row} " in one and nothing in one for one in found), found


@pytest.mark.parametrize(("table", "key"), sampled(list_referenced(), fast=1))
@pytest.mark.parametrize("statement", ["DELETE FROM public.{0}", "UPDATE public.{0} SET {1} = {2}"])
def test_what_is_referred_to_is_neither_deleted_nor_renumbered_even_by_a_superuser(referring, table, key, statement):
    other = "'0000000Z'" if key == "uai" else f"{key} + 1000000"
    with (
        pytest.raises(IntegrityError, match=f"A row of {table} is never deleted and keeps its primary key"),
        transaction.atomic(),
    ):
        execute_as_administrator(statement.format(table, key, other), with_triggers=True)
