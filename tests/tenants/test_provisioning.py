"""Opening a collectivity: schema, refusals, concurrency."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import transaction
from django_tenants.utils import schema_context

from collectivities.operations.offices import open_office
from core.connections import connection
from tenants import provisioning, schema_snapshot
from tenants.models import Collectivity, Domain, SchemaSnapshot
from tenants.provisioning import OpeningRefused
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.races import run_concurrently
from tests.tenants.opening import open_tenant
from tests.tenants.references import list_referenced
from tests.tenants.schema_description import describe_schema
from tests.waits import wait_until

ALES = {"name": "Ville d'Alès", "kind": "commune", "siren": "213000078"}


@pytest.mark.slow
@pytest.mark.as_owner
def test_a_replayed_schema_equals_a_migrated_one(offices):
    with schema_context("public"), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA c_migrated")
        try:
            call_command("migrate_schemas", schema_name="c_migrated", verbosity=0)
            replayed, migrated = describe_schema(offices[0]), describe_schema("c_migrated")
        finally:
            cursor.execute("DROP SCHEMA c_migrated CASCADE")
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


@transaction.atomic
def attempt():
    planned = provisioning.OfficePlan(slug="ales", key_prefix="ALES", **ALES)
    return provisioning.provision(planned, schema_snapshot.get_current(), at=TERM)


@pytest.mark.django_db(transaction=True)
def test_concurrent_openings_of_one_slug(opened):
    first, second = run_concurrently("public", [attempt, attempt], expected_errors=OpeningRefused)
    assert {type(first), type(second)} == {Collectivity, OpeningRefused}
    assert Collectivity.objects.filter(slug="ales").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_opening_does_not_wait_for_a_redemption_nor_a_redemption_for_an_opening(opened):
    """Both transactions are open at once, and hold what they wrote."""
    tables = ", ".join(f"public.{table}" for table, _ in list_referenced())
    written, commit = threading.Event(), threading.Event()

    def write():
        with closing(connection), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {tables} IN ROW EXCLUSIVE MODE NOWAIT")
            written.set()
            wait_until(commit.is_set)

    with ThreadPoolExecutor(max_workers=2) as threads, transaction.atomic(), connection.cursor() as cursor:
        before = threads.submit(write)
        try:
            wait_until(written.is_set)
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
            assert attempt().slug == "ales"
            commit.set()
            before.result()
            threads.submit(write).result()
        finally:
            commit.set()


@pytest.mark.slow
@pytest.mark.as_owner
def test_the_schema_recording_is_stored_under_the_migrations_fingerprint(transactional_db):
    SchemaSnapshot.objects.all().delete()
    schema_snapshot.refresh()
    made = schema_snapshot.get_current()
    assert made.fingerprint == schema_snapshot.compute_fingerprint()
    assert made.statements[0].startswith('CREATE TABLE "django_migrations"')
    assert any(statement.startswith("INSERT INTO django_migrations") for statement in made.statements)
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
