"""Key events recorded for a collectivity: counts, never a name."""

from __future__ import annotations

import pytest

from collectivities.models import AuditEntry
from licensing.orders import operations as orders
from licensing.pools.tasks import note_key_event
from tests.conftest import TERM
from tests.factories.licensing import KeyFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units


@pytest.fixture
def allocation(nimes):
    pool = orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)
    return allocate_units(pool, SchoolFactory(name="École Zola"), units=3)


@pytest.mark.parametrize(
    ("event", "held", "summary"),
    [
        ("redeemed", 0, "École Zola : clé activée, 0/3 attribuée."),
        ("held", 2, "École Zola : une licence de plus est utilisée, 2/3 attribuées."),
        ("released", 1, "École Zola : une licence a été libérée, 1/3 attribuée."),
    ],
)
def test_an_event_is_written_with_its_counts(allocation, event, held, summary):
    note_key_event(key_id=allocation.key_id, event=event, at=TERM.isoformat(), held=held, size=3)
    entry = AuditEntry.objects.get(action=f"keys.{event}")
    assert (entry.summary, entry.school_id, entry.at, entry.actor_id) == (summary, allocation.school_id, TERM, None)


def test_a_key_of_another_collectivity_is_not_recorded(nimes):
    note_key_event(key_id=KeyFactory().pk, event="redeemed", at=TERM.isoformat(), held=0, size=3)
    assert not AuditEntry.objects.exists()
