"""No statement names a table of an office and a hot one of the public schema."""

import pytest

from licensing.entitlements.models import ActivationKey
from licensing.pools.models import Allocation
from licensing.pools.queries import get_allocation_of_key
from tests.hub_guard import HOT_TABLES, REFERENCE_TABLES, MixedStatement, list_mixed_tables
from tests.tenant_guard import TENANT_TABLES


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT "pools_allocation"."id" FROM "pools_allocation" JOIN "entitlements_activationkey" ON true',
        "DELETE FROM imports_importprogress WHERE NOT EXISTS (SELECT FROM public.procrastinate_jobs AS job)",
        "INSERT INTO public.bounces_failedsending (kind) SELECT kind FROM mailing_message",
        "SELECT 1 FROM nimes.collectivities_member UNION SELECT 1 FROM public.accounts_user",
    ],
)
def test_a_statement_on_tables_of_both_schemas_is_found(statement):
    assert list_mixed_tables(statement, in_office=True)


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT "pools_allocation"."key_id" FROM "pools_allocation" JOIN "schools_school" ON true',
        "SELECT id FROM public.entitlements_activationkey AS key JOIN public.mailing_message ON true",
        "SELECT id FROM mailing_message JOIN pools_allocation ON true",
        "SELECT pools_allocations_accounts_user FROM pools_pool",
        "CREATE INDEX one ON pools_allocation (key_id) /* entitlements_activationkey */",
    ],
)
def test_a_statement_on_tables_of_one_schema_and_the_directory_is_none(statement):
    assert not list_mixed_tables(statement, in_office=True)


def test_the_portals_outbox_is_public():
    statement = "SELECT id FROM mailing_message JOIN accounts_user ON true"
    assert list_mixed_tables(statement, in_office=True)
    assert not list_mixed_tables(statement, in_office=False)


def test_a_join_that_the_project_runs_fails(nimes, monkeypatch):
    joined = Allocation.objects.select_related("key")
    monkeypatch.setattr(Allocation, "objects", joined)
    with pytest.raises(MixedStatement, match=r"licensing\.pools\.queries .*entitlements_activationkey"):
        get_allocation_of_key(1)


def test_a_test_may_join(nimes):
    keys = Allocation.objects.values("key")
    assert not ActivationKey.objects.filter(pk__in=keys).exists()


def test_every_table_is_hot_of_an_office_or_on_each_node():
    assert not HOT_TABLES & (TENANT_TABLES | REFERENCE_TABLES)
    assert not REFERENCE_TABLES & TENANT_TABLES
