"""Offices refer to the public schema without a constraint: opening one puts no trigger there, and locks nothing."""

# ruff: noqa: S608, SLF001 - names of our own models

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import schema_context

from collectivities.models import Member
from core.connections import connection
from tenants import checks
from tests.cluster import one_server
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.tenants.opening import open_tenant
from tests.tenants.references import list_referenced, list_references

CONSTRAINED = """
SELECT conrelid::regclass::text FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid
WHERE contype = 'f' AND relnamespace = 'public'::regnamespace AND connamespace <> relnamespace
"""
#: Stronger than what reading and writing rows takes.
STRONG_LOCKS = """
SELECT relation::regclass::text, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND relnamespace = 'public'::regnamespace
    AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
"""
ADD_CONSTRAINT = (
    "ALTER TABLE c_nimes.collectivities_member ADD FOREIGN KEY (user_id) REFERENCES public.accounts_user (id)"
)


def query(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@one_server  # a cluster refuses to make one
def test_no_constraint_leads_from_an_office_to_the_public_schema(db):
    assert query(CONSTRAINED) == []
    execute_as_administrator(ADD_CONSTRAINT)
    assert query(CONSTRAINED) == [("c_nimes.collectivities_member",)]


@one_server
def test_an_opening_locks_no_table_of_the_public_schema(db):
    open_tenant(name="Ville d'Alès", kind="commune", siren="213000078", at=TERM)
    assert query(STRONG_LOCKS) == []
    execute_as_administrator(ADD_CONSTRAINT)
    assert query(STRONG_LOCKS) == [("accounts_user", "ShareRowExclusiveLock")]


def test_a_model_that_puts_a_constraint_there_is_reported(monkeypatch):
    assert checks.check_references(None) == []
    monkeypatch.setattr(Member._meta.get_field("user"), "db_constraint", True)
    [error] = checks.check_references(None)
    assert (error.id, error.obj) == ("peps.E011", Member)
    assert "collectivities.Member.user" in error.msg


def test_the_references_are_those_that_are_written_down():
    assert {str(one) for one in list_references()} == {
        "api_token.account_id",
        "collectivities_member.user_id",
        "collectivities_portfolioschool.school_id",
        "pools_allocation.key_id",
        "pools_allocation.school_id",
        "pools_pool.entitlement_id",
        "rebalancing_licencemove.request_id",
        "reminders_reminder.school_id",
        "reminders_reminderstop.school_id",
        "renewals_renewalline.school_id",
        "renewals_renewalorder.order_id",
    }


@pytest.mark.parametrize(("table", "key"), list_referenced())
def test_what_offices_refer_to_is_never_deleted_and_keeps_its_primary_key(db, table, key):
    """Where a table is referred to for the first time, it needs these triggers."""
    found = query(
        "SELECT pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
        f" WHERE tgrelid = 'public.{table}'::regclass AND proname = 'accounts_referenced_row_stays' ORDER BY tgname"
    )
    call = "EXECUTE FUNCTION accounts_referenced_row_stays()"
    assert [definition for (definition,) in found] == [
        f"CREATE TRIGGER {table}_keeps_its_{key} BEFORE UPDATE OF {key} ON public.{table} FOR EACH ROW"
        f" WHEN ((old.{key} <> new.{key})) {call}".replace(
            "((old.uai <> new.uai))", "(((old.uai)::text <> (new.uai)::text))"
        ),
        f"CREATE TRIGGER {table}_stays BEFORE DELETE ON public.{table} FOR EACH ROW {call}",
    ]


@pytest.mark.parametrize("schema", ["public", "c_gard"])
def test_a_school_is_not_deleted_from_where_no_office_is_seen(nimes, schema):
    school = PortfolioSchoolFactory().school
    with (
        schema_context(schema),
        pytest.raises(IntegrityError, match="A row of schools_school is never deleted"),
        transaction.atomic(),
    ):
        type(school).objects.filter(pk=school.pk).delete()


def test_a_school_keeps_its_uai(db):
    school = SchoolFactory()
    schools = type(school).objects.filter(pk=school.pk)
    assert schools.update(uai=school.uai, name="École du Parc") == 1
    with pytest.raises(IntegrityError, match="keeps its primary key"), transaction.atomic():
        schools.update(uai="0000000Z")
