"""The audit log."""

from collectivities import audit_log
from collectivities.journal import list_subject_choices
from collectivities.models import AuditEntry
from tests.conftest import TERM
from tests.factories.accounts import UserFactory


def test_an_entry_records_who_did_what(nimes):
    agent = UserFactory(first_name="Awa", last_name="Diop")
    audit_log.record(action="members.invited", by=agent, at=TERM, summary="Invitation envoyée", school_id="0300001A")
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.actor_name, entry.school_id) == (agent.pk, "Awa Diop", "0300001A")


def test_an_entry_without_an_actor_is_signed_by_the_system(nimes):
    audit_log.record(action="key.redeemed", by=None, at=TERM, summary="Clé activée")
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.actor_name) == (None, audit_log.SYSTEM_ACTOR)


def test_the_purchases_of_an_office_are_a_subject_in_french(nimes):
    audit_log.record(action="orders.placed", by=None, at=TERM, summary="Commande n° 12 : bon de commande établi.")
    assert list_subject_choices() == [("Achats", [("orders", "Achats : tout"), ("orders.placed", "Commande passée")])]


def test_many_entries_are_written_by_one_copy(nimes):
    entries = [
        audit_log.NewAuditEntry("pools.allocated", f"Attribution n° {n}\tà l'école\n", object_id=n) for n in range(500)
    ]
    assert audit_log.record_many(entries, by=None, at=TERM) == 500
    assert AuditEntry.objects.get(object_id=499).summary == "Attribution n° 499\tà l'école\n"
    assert set(AuditEntry.objects.values_list("at", flat=True)) == {TERM}
