"""A schema that cannot be read is a finding, and the others are audited."""

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from collectivities import audit_log
from sites.audit import checks
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled

BREACHES = {
    "dropped": ("DROP SCHEMA c_nimes CASCADE", "nimes : schéma absent"),
    "table_renamed": ("ALTER TABLE c_nimes.pools_pool RENAME TO kept", "nimes : il manque pools_pool"),
    # Rules would read the portal's messages.
    "outbox_renamed": ("ALTER TABLE c_nimes.mailing_message RENAME TO kept", "nimes : il manque mailing_message"),
    "migrations_dropped": ("DROP TABLE c_nimes.django_migrations", "nimes : il manque django_migrations"),
    "column_renamed": (
        "ALTER TABLE c_nimes.pools_pool RENAME COLUMN allocated TO kept",
        "nimes : column pool.allocated does not exist",
    ),
    "forbidden": ("REVOKE ALL ON c_nimes.pools_pool FROM peps_application", "nimes : permission denied"),
}


@pytest.mark.parametrize(("breach", "sentence"), sampled(BREACHES.values(), fast=2), ids=BREACHES)
def test_a_schema_that_cannot_be_read_is_named_and_the_others_are_audited(nimes, gard, breach, sentence):
    with tenant_context(gard):
        audit_log.record(action="office.opened", by=None, at=TERM, summary="Ouvert.")
    with schema_context("public"):
        execute_as_administrator("UPDATE c_gard.collectivities_auditentry SET actor_id = 987654321")
        execute_as_administrator(breach)
        found = list_all_violations()
    [named] = found.pop("schemas")
    assert named.startswith(sentence)
    # Of a privilege that is missing, or a column, other rules speak as well.
    found.pop("roles", None)
    found.pop("structure", None)
    assert list(found) == ["references"]
    assert found["references"][0].startswith("gard : ")


def test_many_collectivities_are_audited_on_several_connections_as_of_one_moment(committing, monkeypatch):
    # What a connection remembers of each table that it read would else fill the server's memory.
    monkeypatch.setattr(checks, "COLLECTIVITIES_PER_CONNECTION", 1)
    asked = "SELECT pg_backend_pid()::text, current_setting('peps.audited_at')"
    seen = []

    def look(_collectivity, _now):
        with connection.cursor() as cursor:
            cursor.execute(asked)
            seen.append(cursor.fetchone())
        return ()

    monkeypatch.setattr(checks, "_find_violations_of", look)
    with connection.cursor() as cursor:
        cursor.execute(asked.partition(",")[0])
        [before] = cursor.fetchone()
    checks.check_all()
    moments = {moment for _, moment in seen}
    assert seen
    assert before not in {process for process, _ in seen}
    assert len(moments) == 1


PARTS = {
    "constraint": (
        "ALTER TABLE c_nimes.pools_pool DROP CONSTRAINT pool_has_capacity",
        "nimes : il manque : constraint pools_pool pool_has_capacity ",
    ),
    "index": ("DROP INDEX c_nimes.message_due", "nimes : il manque : index mailing_message CREATE INDEX message_due"),
    "column": ("ALTER TABLE c_nimes.pools_pool ADD COLUMN mine text", "nimes : en plus : column pools_pool mine text"),
    "trigger": (
        "ALTER TABLE c_nimes.collectivities_auditentry DISABLE TRIGGER USER",
        "nimes : il manque : trigger collectivities_auditentry O ",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("breach", "sentence"), PARTS.values(), ids=PARTS)
def test_a_schema_that_differs_from_that_of_a_new_office_is_named_with_what_differs(nimes, gard, breach, sentence):
    with schema_context("public"):
        assert "structure" not in list_all_violations()
        execute_as_administrator(breach)
        found = list_all_violations()["structure"]
    assert any(one.startswith(sentence) for one in found), found
