"""The guard of the tests refuses what would mix two collectivities."""

import threading

import pytest
from django.db import connections
from django_tenants.utils import schema_context, tenant_context

from collectivities import audit_log
from collectivities.models import AuditEntry
from collectivities.personal_data import list_memberships
from core.connections import connection
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.tenant_guard import TENANT_TABLES, WrongSchema


def test_the_tables_of_tenants_are_known():
    assert {"collectivities_auditentry", "pools_allocation", "imports_spreadsheetimport", "api_token"} <= TENANT_TABLES
    assert "mailing_message" not in TENANT_TABLES


@pytest.mark.parametrize("read", [AuditEntry.objects.exists, lambda: AuditEntry.objects.create(at=TERM)])
def test_a_query_without_a_tenant_is_refused(nimes, read):
    with schema_context("public"), pytest.raises(WrongSchema):
        read()


def test_a_queryset_of_one_collectivity_is_not_evaluated_in_another(nimes, gard):
    evaluations = (list, lambda rows: rows.count(), lambda rows: rows.exists(), lambda rows: rows.filter(pk=1).first())
    for lazy in (AuditEntry.objects.all(), Message.objects.all(), AuditEntry.objects.filter(pk__gt=0).order_by("pk")):
        for evaluate in evaluations:
            with tenant_context(gard), pytest.raises(WrongSchema):
                evaluate(lazy)
        assert list(lazy) == []


def test_an_object_of_one_collectivity_is_not_written_in_another(nimes, gard):
    member = MemberFactory(user=UserFactory())
    with tenant_context(gard), pytest.raises(WrongSchema):
        member.save()
    with tenant_context(gard), pytest.raises(WrongSchema):
        member.delete()
    member.save()


def test_a_statement_that_names_another_schema_is_refused(nimes, gard):
    with pytest.raises(WrongSchema), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {gard.schema_name}.collectivities_member")  # noqa: S608 - our own name


def test_a_search_path_that_is_not_the_connection_s_is_refused(nimes, gard):
    if connection.connection.info.parameter_status("search_path") is None:
        pytest.skip("PostgreSQL reports search_path from version 18 on")
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {gard.schema_name}, public")
        with pytest.raises(WrongSchema):
            cursor.execute("SELECT count(*) FROM collectivities_member")
        cursor.execute(f"SET search_path = {nimes.schema_name}, public")


def test_the_connections_of_other_threads_are_guarded(committing):
    refused = []

    def read():
        try:
            AuditEntry.objects.exists()
        except WrongSchema:
            refused.append(True)
        connections.close_all()

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert refused == [True]


def test_what_reads_all_collectivities_by_name_is_allowed(nimes, gard):
    user = MemberFactory(user=UserFactory()).user
    with schema_context("public"):
        assert [one.collectivity for one in list_memberships(user)] == [nimes]


def test_the_two_collectivities_share_no_id(nimes, gard):
    mine = audit_log.record(action="office.opened", by=None, at=TERM, summary="Nîmes")
    with tenant_context(gard):
        other = audit_log.record(action="office.opened", by=None, at=TERM, summary="Gard")
    assert mine.pk < 1_000_000 < other.pk
