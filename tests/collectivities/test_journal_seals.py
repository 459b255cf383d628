"""The office's journal: written once, sealed in a chain, and told apart where it was tampered with."""

import threading

import pytest
from django.db import DatabaseError, transaction
from django_tenants.utils import schema_context

from accounts.models import User
from collectivities import audit_log
from collectivities.models import SEALED_AUDIT_LOG, AuditEntry, AuditSeal
from collectivities.tasks import seal_journal
from core.connections import connection
from jobs import due
from sites.audit.checks import check_all
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.tiers import sampled
from tests.waits import wait_until


@pytest.fixture
def entries(nimes):
    """Three entries, sealed."""
    written = [audit_log.record(action="office.opened", by=None, at=TERM, summary=f"Ligne {n}") for n in range(3)]
    assert SEALED_AUDIT_LOG.seal_new_entries(at=TERM) == 3
    return written


def list_tampering():
    [finding] = [finding for finding in check_all() if finding.code == "journals"]
    return finding.examples


@pytest.mark.parametrize("table", ["collectivities_auditentry", "collectivities_auditseal"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_a_row_is_neither_changed_nor_deleted_even_by_a_superuser(entries, table, statement):
    column = "summary" if table.endswith("entry") else "hash"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute_as_administrator(statement.format(table, column, column), with_triggers=True)


@pytest.mark.slow
def test_nothing_is_found_in_a_journal_as_it_was_written(entries):
    assert list_tampering() == []


@pytest.mark.slow
def test_the_audit_names_the_changed_row(entries):
    execute_as_administrator(
        "UPDATE collectivities_auditentry SET actor_name = 'Un autre' WHERE id = %s", [entries[1].pk]
    )
    assert list_tampering() == [f"nimes : ligne n° {entries[1].pk} : modifiée depuis son scellement"]


@pytest.mark.parametrize("column", sampled(SEALED_AUDIT_LOG.columns, fast=2))
def test_every_column_is_sealed(entries, column):
    value = {"at": "now()", "actor_id": "7", "object_id": "7"}.get(column, "'autre'")
    execute_as_administrator(f"UPDATE collectivities_auditentry SET {column} = {value} WHERE id = %s", [entries[0].pk])  # noqa: S608 - names of columns
    assert list_tampering() == [f"nimes : ligne n° {entries[0].pk} : modifiée depuis son scellement"]


def test_no_column_of_the_journal_is_left_out():
    names = {field.column for field in AuditEntry._meta.concrete_fields}  # noqa: SLF001 - documented
    assert names == {"id", *SEALED_AUDIT_LOG.columns}


@pytest.mark.slow
def test_the_audit_names_the_deleted_row(entries):
    execute_as_administrator("DELETE FROM collectivities_auditentry WHERE id = %s", [entries[2].pk])
    assert list_tampering() == [f"nimes : ligne n° {entries[2].pk} : supprimée depuis son scellement"]


@pytest.mark.slow
def test_the_audit_names_the_row_slipped_in(entries):
    execute_as_administrator("UPDATE collectivities_auditentry SET id = -5 WHERE id = %s", [entries[0].pk])
    assert "nimes : ligne n° -5 : inscrite après coup parmi des lignes scellées" in list_tampering()


@pytest.mark.slow
def test_a_rewritten_seal_does_not_fit_the_chain(entries):
    audit_log.record(action="office.opened", by=None, at=TERM, summary="Ligne 4")
    SEALED_AUDIT_LOG.seal_new_entries(at=TERM)
    first = AuditSeal.objects.get(number=1)
    first.digests = bytes(len(first.digests))
    execute_as_administrator(
        "UPDATE collectivities_auditseal SET digests = %s, hash = %s WHERE number = 1",
        [first.digests, first.compute_hash()],
    )
    assert "nimes : sceau n° 2 : ne suit pas le sceau n° 1" in list_tampering()


@pytest.mark.slow
def test_a_seal_that_was_changed_is_named_though_no_other_follows(entries):
    execute_as_administrator("UPDATE collectivities_auditseal SET sealed_at = sealed_at + interval '1 day'")
    assert list_tampering() == ["nimes : sceau n° 1 : modifié"]


@pytest.mark.slow
def test_a_missing_beginning_is_found(entries):
    audit_log.record(action="office.opened", by=None, at=TERM, summary="Ligne 4")
    SEALED_AUDIT_LOG.seal_new_entries(at=TERM)
    execute_as_administrator("DELETE FROM collectivities_auditseal WHERE number = 1")
    assert "nimes : sceau n° 2 : les précédents manquent" in list_tampering()


@pytest.mark.slow
def test_many_entries_take_several_seals(nimes, monkeypatch):
    monkeypatch.setattr("core.journal_seals.MAX_ENTRIES", 2)
    audit_log.record_many([audit_log.NewAuditEntry("keys.resent", str(n)) for n in range(5)], by=None, at=TERM)
    assert SEALED_AUDIT_LOG.seal_new_entries(at=TERM) == 5
    assert [len(seal.entry_ids) for seal in AuditSeal.objects.order_by("number")] == [2, 2, 1]
    assert list_tampering() == []


def test_an_entry_is_sealed_some_minutes_later(nimes):
    for summary in ("Une", "Deux"):
        audit_log.record(action="office.opened", by=None, at=TERM, summary=summary)
    audit_log.record_many([audit_log.NewAuditEntry("keys.resent", "Trois")], by=None, at=TERM)
    assert due.take(audit_log.SEAL_JOURNAL, at=TERM) == []
    assert due.take(audit_log.SEAL_JOURNAL, at=TERM + audit_log.SEALING_DELAY) == [connection.schema_name]
    seal_journal()
    assert [len(seal.entry_ids) for seal in AuditSeal.objects.all()] == [3]
    # Nothing is new: nobody looks again.
    assert due.get_moment(audit_log.SEAL_JOURNAL, connection.schema_name) is None


def test_entries_that_another_worker_may_have_missed_are_looked_at_again(nimes, monkeypatch):
    audit_log.record(action="office.opened", by=None, at=TERM, summary="Une")
    due.take(audit_log.SEAL_JOURNAL, at=TERM + audit_log.SEALING_DELAY)
    monkeypatch.setattr("core.journal_seals.try_transaction_lock", lambda _: False)
    seal_journal()
    assert due.get_moment(audit_log.SEAL_JOURNAL, connection.schema_name) is not None


@pytest.mark.slow
def test_an_entry_that_commits_after_later_ones_is_sealed_and_delays_nobody(committing):
    begun, finish = threading.Event(), threading.Event()
    schema = connection.schema_name

    def write_slowly():
        with schema_context(schema), transaction.atomic():
            audit_log.record(action="office.opened", by=None, at=TERM, summary="Lente")
            begun.set()
            wait_until(finish.is_set)
        connection.close()

    slow = threading.Thread(target=write_slowly)
    slow.start()
    wait_until(begun.is_set)
    audit_log.record(action="office.opened", by=None, at=TERM, summary="Rapide")
    assert SEALED_AUDIT_LOG.seal_new_entries(at=TERM) == 1
    finish.set()
    slow.join()
    assert SEALED_AUDIT_LOG.has_new_entries(at=TERM)
    assert SEALED_AUDIT_LOG.seal_new_entries(at=TERM) == 1
    late, early = AuditSeal.objects.order_by("-number")
    assert late.entry_ids[0] < early.entry_ids[0]
    assert list_tampering() == []


@pytest.mark.slow
def test_the_journal_shows_the_username_beside_the_name(nimes, office):
    manager = MemberFactory(user=UserFactory(username="adiop", first_name="Awa", last_name="Diop"), roles=["manager"])
    browser = office("nimes", manager.user)
    audit_log.record(action="office.opened", by=manager.user, at=TERM, summary="Avant.")
    User.objects.filter(pk=manager.user_id).update(first_name="Autre", last_name="Personne")
    manager.user.refresh_from_db()
    audit_log.record(action="office.opened", by=manager.user, at=TERM, summary="Après.")
    page = browser.get("/journal/").content.decode()
    assert "Awa Diop (adiop)" in page
    assert "Autre Personne (adiop)" in page
    assert [entry.summary for entry in browser.get("/journal/?text=adiop").context["page_obj"]] == ["Après.", "Avant."]
    assert "adiop" in browser.get("/membres/").content.decode()
