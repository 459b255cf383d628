"""Opening a collectivity: schema, refusals, concurrency."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.management import call_command
from django.db import transaction
from django_tenants.utils import schema_context

from collectivities.operations.offices import open_office
from core.tenant_connection import connection
from tenants import lock_timeouts, provisioning, schema_snapshot
from tenants.models import Collectivity, Domain, SchemaSnapshot
from tenants.provisioning import OpeningRefused
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.races import run_concurrently
from tests.tenants.opening import open_tenant

ALES = {"name": "Ville d'Alès", "kind": "commune", "siren": "213000078"}

#: Everything the system catalogue holds about a schema, without its name.
ANATOMY = """
SELECT 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default, is_identity,
       generation_expression, character_maximum_length) FROM information_schema.columns WHERE table_schema = '{0}'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = '{0}'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = '{0}'
UNION ALL SELECT 'sequence', sequencename, data_type::text, start_value::text FROM pg_sequences WHERE schemaname = '{0}'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
  JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = '{0}'::regnamespace AND NOT tgisinternal
UNION ALL SELECT 'owner', relname, relowner::regrole::text, '' FROM pg_class
  WHERE relnamespace = '{0}'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'grant', relname, grantee::regrole::text, string_agg(privilege_type, ' ' ORDER BY privilege_type)
  FROM pg_class CROSS JOIN aclexplode(relacl) WHERE relnamespace = '{0}'::regnamespace GROUP BY relname, grantee
UNION ALL SELECT 'migration', app, name, '' FROM {0}.django_migrations
"""


def describe_schema(schema):
    with connection.cursor() as cursor:
        cursor.execute(ANATOMY.format(schema))
        return sorted(tuple(str(cell).replace(schema, "§") for cell in row) for row in cursor.fetchall())


@pytest.mark.as_owner
def test_a_replayed_schema_equals_a_migrated_one(db):
    open_tenant(at=TERM, **ALES)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA c_migrated")
    call_command("migrate_schemas", schema_name="c_migrated", verbosity=0)
    replayed, migrated = describe_schema("c_ales"), describe_schema("c_migrated")
    assert len(replayed) > 100
    assert replayed == migrated


def test_address_and_prefix_follow_from_the_name(db):
    ales = open_tenant(at=TERM, **ALES)
    assert (ales.slug, ales.key_prefix, ales.schema_name) == ("ales", "ALES", "c_ales")
    assert Domain.objects.get(tenant=ales).domain == "ales.peps.localhost"


def test_a_derived_name_that_is_taken_gets_a_number(nimes):
    with schema_context("public"):
        planned = provisioning.plan(name="Nîmes", kind="epci", siren="213000078")
    assert (planned.slug, planned.key_prefix) == ("nimes-2", "NIMES2")


def test_every_problem_is_reported_at_once_and_nothing_is_created(nimes):
    with schema_context("public"), pytest.raises(OpeningRefused) as refused:
        open_tenant(at=TERM, name=" ", kind="royaume", siren="213001895", slug="www", key_prefix="É")
    assert set(refused.value.problems) == {"name", "kind", "siren", "slug", "key_prefix"}
    assert Collectivity.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("siren", {"siren": "213 001 894"}),
        ("slug", {"slug": "NIMES"}),
        ("key_prefix", {"key_prefix": "nimes"}),
    ],
)
def test_taken_names_are_refused(nimes, field, fields):
    with schema_context("public"), pytest.raises(OpeningRefused) as refused:
        open_tenant(at=TERM, **(ALES | fields))
    assert set(refused.value.problems) == {field}


@pytest.fixture
def opened(committing):
    """Lets a test commit openings and drops them afterwards."""
    schema_snapshot.get_current()
    yield
    connection.set_schema_to_public()
    with transaction.atomic(), connection.cursor() as cursor:
        for collectivity in Collectivity.objects.exclude(slug__in=["nimes", "gard"]):
            execute_as_administrator(f"DROP SCHEMA {collectivity.schema_name} CASCADE")
            cursor.execute("DELETE FROM tenants_domain WHERE tenant_id = %s", [collectivity.pk])
            cursor.execute("DELETE FROM tenants_collectivity WHERE id = %s", [collectivity.pk])


def attempt():
    planned = provisioning.OfficePlan(slug="ales", key_prefix="ALES", **ALES)
    kept = schema_snapshot.get_current()
    return lock_timeouts.retry_on_lock(lambda: provisioning.provision(planned, kept, at=TERM))


@pytest.mark.django_db(transaction=True)
def test_concurrent_openings_of_one_slug(opened):
    first, second = run_concurrently("public", [attempt, attempt], expected_errors=OpeningRefused)
    assert {type(first), type(second)} == {Collectivity, OpeningRefused}
    assert Collectivity.objects.filter(slug="ales").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_opening_waits_a_second_at_most_then_retries(opened):
    """An open transaction writes to a table that the schema's foreign keys refer to."""
    held, free = threading.Event(), threading.Event()

    def redeem():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE public.schools_school IN ROW EXCLUSIVE MODE")
                held.set()
                free.wait(timeout=10)
        finally:
            connection.close()

    writer = threading.Thread(target=redeem)
    writer.start()
    held.wait(timeout=10)
    planned = provisioning.OfficePlan(slug="ales", key_prefix="ALES", **ALES)
    kept = schema_snapshot.get_current()
    tries = []

    def work():
        tries.append(time.monotonic())
        if len(tries) == 2:
            free.set()
            writer.join()
        return provisioning.provision(planned, kept, at=TERM)

    assert lock_timeouts.retry_on_lock(work, pauses=(0.05,)).slug == "ales"
    assert 0.5 < tries[1] - tries[0] < 1.4


@pytest.mark.django_db(transaction=True)
def test_an_opening_that_never_gets_its_lock_changes_nothing(opened, monkeypatch):
    monkeypatch.setattr(lock_timeouts, "LOCK_TIMEOUT", 100)
    held, free = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE public.schools_school IN ROW EXCLUSIVE MODE")
                held.set()
                free.wait(timeout=10)
        finally:
            connection.close()

    writer = threading.Thread(target=hold)
    writer.start()
    held.wait(timeout=10)
    planned = provisioning.OfficePlan(slug="ales", key_prefix="ALES", **ALES)
    kept = schema_snapshot.get_current()
    try:
        with pytest.raises(lock_timeouts.LockUnavailable):
            lock_timeouts.retry_on_lock(lambda: provisioning.provision(planned, kept, at=TERM), pauses=(0.01, 0.01))
    finally:
        free.set()
        writer.join()
    assert not Collectivity.objects.filter(slug="ales").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'c_ales'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.as_owner
def test_the_schema_recording_is_stored_under_the_migrations_fingerprint(db):
    SchemaSnapshot.objects.all().delete()
    schema_snapshot.refresh()
    made = schema_snapshot.get_current()
    assert made.fingerprint == schema_snapshot.compute_fingerprint()
    assert {"accounts_user", "schools_school"} <= set(made.referenced_tables)
    assert "INSERT INTO django_migrations" in made.statements
    schema_snapshot.refresh()
    assert schema_snapshot.get_current().created_at == made.created_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'recording%'")
        assert cursor.fetchone() == (0,)


def test_no_office_is_opened_before_the_migrations_have_run(db):
    execute_as_administrator("DELETE FROM public.tenants_schemasnapshot")
    with pytest.raises(OpeningRefused, match="Une mise à jour de Pep's est en cours"):
        open_office(manager_email="chef@ales.example", by=None, at=TERM, **ALES)
    assert not Collectivity.objects.filter(slug="ales").exists()
