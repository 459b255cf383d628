"""The simulated year in the tests' database: its three collectivities are opened in it, and dropped afterwards."""

import pytest
from django_tenants.utils import schema_context

from sites.demo.year.places import OFFICES
from tests.database_roles import connect_administrator

_DROP = """
DO $$
DECLARE opened record;
BEGIN
    FOR opened IN SELECT id, schema_name FROM tenants_collectivity WHERE slug IN ({slugs}) LOOP
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', opened.schema_name);
        DELETE FROM tenants_domain WHERE tenant_id = opened.id;
        DELETE FROM tenants_collectivity WHERE id = opened.id;
    END LOOP;
END $$
"""


@pytest.fixture
def _offices_dropped(django_db_setup):
    """Drop the collectivities of the year after the tables that refer to them were emptied."""
    yield
    with connect_administrator() as administrator:
        administrator.execute(_DROP.replace("{slugs}", ", ".join(f"'{office.slug}'" for office in OFFICES)))


@pytest.fixture
def year_database(_offices_dropped, committing):
    """The public schema, with real commits."""
    with schema_context("public"):
        yield
