"""Migrating all schemas: up-to-date ones are skipped, those behind are brought up to date."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from tenants import schema_migrations, schema_snapshot
from tenants.models import SchemaSnapshot
from tenants.schema_migrations import read_migration_files

pytestmark = pytest.mark.as_owner


def unapply_migrations(schema, app):
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {schema}.django_migrations WHERE app = %s", [app])  # noqa: S608 - our own schemas


def run(**options):
    out = io.StringIO()
    call_command("migrate_schemas", stdout=out, **options)
    return out.getvalue()


def test_up_to_date_schemas_are_skipped_in_a_constant_number_of_queries(db, django_assert_num_queries):
    files = read_migration_files()
    # The catalogue, the tables of migrations, and a savepoint as the test has a transaction.
    with django_assert_num_queries(5):
        assert schema_migrations.find_missing(["c_nimes", "c_gard"], files) == ({}, [])


@pytest.mark.slow
def test_a_second_run_changes_nothing(db):
    assert "2 déjà à jour, 0 mises à jour, 0 en échec" in run()


@pytest.mark.slow
def test_a_schema_that_is_behind_is_brought_up_to_date(db):
    unapply_migrations("c_gard", "imports")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(format('c_gard.%I', tablename), ', ') FROM pg_tables "
            "WHERE schemaname = 'c_gard' AND tablename LIKE 'imports_%'"
        )
        cursor.execute(f"DROP TABLE {cursor.fetchone()[0]} CASCADE")
    files = read_migration_files()
    assert list(schema_migrations.find_missing(["c_nimes", "c_gard"], files).by_schema) == ["c_gard"]
    assert "1 déjà à jour, 1 mises à jour" in run(tenant=True)
    assert schema_migrations.find_missing(["c_nimes", "c_gard"], files) == ({}, [])


def test_a_collectivity_whose_schema_is_missing_is_a_failure(db):
    outcome = schema_migrations.migrate_collectivities(schemas=["c_nowhere"])
    assert [failure.schema for failure in outcome.failed] == ["c_nowhere"]
    assert "n'existe pas" in outcome.failed[0].error


@pytest.mark.parametrize("is_recorded", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_schema_recording_is_refreshed_and_older_ones_deleted(transactional_db, is_recorded):
    if not is_recorded:
        SchemaSnapshot.objects.all().delete()
    SchemaSnapshot.objects.create(fingerprint="old", statements=[], created_at="2026-01-01T00:00:00Z")
    run(tenant=True)
    assert SchemaSnapshot.objects.get().fingerprint == schema_snapshot.compute_fingerprint()


@pytest.mark.slow
def test_partial_migrations_are_delegated_to_django_tenants(db):
    assert call_command("migrate", "imports", check_unapplied=True, verbosity=0) is None
