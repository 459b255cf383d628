"""Key events recorded for a collectivity: counts, never a name."""

import pytest
from procrastinate.contrib.django import app

from collectivities.models import AuditEntry
from licensing.orders import operations as orders
from licensing.pools.tasks import note_key_event
from tests.cluster import one_server
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.licensing import KeyFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.waits import wait_until
from tests.workers import running_worker


@pytest.fixture
def allocation(nimes):
    pool = orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)
    return allocate_units(pool, SchoolFactory(name="École Zola"), units=3)


@pytest.mark.parametrize(
    ("event", "held", "summary"),
    [
        ("redeemed", 0, "École Zola : clé activée, 0/3 utilisée."),
        ("held", 2, "École Zola : une licence de plus est utilisée, 2/3 utilisées."),
        ("released", 1, "École Zola : une licence a été libérée, 1/3 utilisée."),
    ],
)
def test_an_event_is_written_with_its_counts(allocation, event, held, summary):
    note_key_event(key_id=allocation.key_id, event=event, at=TERM.isoformat(), held=held, size=3)
    entry = AuditEntry.objects.get(action=f"keys.{event}")
    assert (entry.summary, entry.school_id, entry.at, entry.actor_id) == (summary, allocation.school_id, TERM, None)


def test_an_event_whose_commit_was_not_answered_is_written_once(allocation):
    for _ in range(2):
        note_key_event(key_id=allocation.key_id, event="held", at=TERM.isoformat(), held=1, size=3)
    assert AuditEntry.objects.filter(action="keys.held").count() == 1


# On a cluster the trigger runs on the office's node, whose process is not the one that the worker is connected to.
@pytest.mark.slow
@one_server
def test_a_dropped_connection_loses_no_event(committing):
    pool = orders.grant(collectivity=committing, licences=10, reason="Essai", by=None, at=TERM)
    allocation = allocate_units(pool, SchoolFactory(), units=3)
    # The connection breaks at the first journal line, once: a sequence does not roll back.
    execute_as_administrator(
        "CREATE SEQUENCE tests_drops;"
        "CREATE FUNCTION tests_drop() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        " IF nextval('c_nimes.tests_drops') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER tests_drop BEFORE INSERT ON collectivities_auditentry"
        " FOR EACH ROW EXECUTE FUNCTION tests_drop()"
    )
    try:
        # Not `defer`, whose `at` is when to run.
        app.configure_task("pools.note_key_event").defer(
            schema=committing.schema_name,
            key_id=allocation.key_id,
            event="redeemed",
            at=TERM.isoformat(),
            held=0,
            size=3,
        )
        with running_worker():
            wait_until(lambda: AuditEntry.objects.filter(action="keys.redeemed").exists())
    finally:
        execute_as_administrator(
            "DROP TRIGGER tests_drop ON collectivities_auditentry; DROP FUNCTION tests_drop; DROP SEQUENCE tests_drops"
        )
    assert AuditEntry.objects.filter(action="keys.redeemed").count() == 1


def test_a_key_of_another_collectivity_is_not_recorded(nimes):
    note_key_event(key_id=KeyFactory().pk, event="redeemed", at=TERM.isoformat(), held=0, size=3)
    assert not AuditEntry.objects.exists()
