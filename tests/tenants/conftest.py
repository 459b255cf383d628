"""Offices to migrate, and migrations for them."""

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from core.connections import connection
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.tenants.added_migrations import AddedMigrations
from tests.tenants.opening import open_tenant

#: Slugs and SIREN of the offices that a test migrates; Nîmes and the Gard are left as they are.
OFFICES = {
    "ales": "213000078",
    "beziers": "213400328",
    "cahors": "214600421",
}


@pytest.fixture
def offices(committing):
    """The schemas of three offices, which are dropped afterwards, as are those that the test opens."""
    with schema_context("public"):
        for slug, siren in OFFICES.items():
            open_tenant(at=TERM, name=slug, kind="commune", siren=siren, slug=slug, key_prefix=slug.upper())
    yield [f"c_{slug}" for slug in OFFICES]
    connection.set_schema_to_public()
    with transaction.atomic(), connection.cursor() as cursor:
        for collectivity in Collectivity.objects.exclude(slug__in=["nimes", "gard"]):
            execute_as_administrator(f"DROP SCHEMA IF EXISTS {collectivity.schema_name} CASCADE")
            cursor.execute("DELETE FROM tenants_domain WHERE tenant_id = %s", [collectivity.pk])
            cursor.execute("DELETE FROM tenants_collectivity WHERE id = %s", [collectivity.pk])


@pytest.fixture
def added(tmp_path, settings):
    """Lets a test add migrations to the app `imports`."""
    migrations = AddedMigrations(tmp_path, settings)
    yield migrations
    migrations.close()
