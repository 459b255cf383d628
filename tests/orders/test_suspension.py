"""Suspending and restoring an order's rights."""

from __future__ import annotations

import datetime

import pytest
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities.models import AuditEntry
from licensing.entitlements.models import Entitlement
from licensing.exceptions import LicensingError
from licensing.orders import operations
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units

LATER = TERM + datetime.timedelta(days=1)


@pytest.fixture
def pool(nimes):
    return operations.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)


def test_a_suspended_lot_gives_nothing_and_a_restored_one_gives_again(pool):
    order = pool.entitlement.order_line.order_id
    assert operations.suspend(order_id=order, by=None, at=LATER) == 1
    assert operations.suspend(order_id=order, by=None, at=LATER) == 0
    with pytest.raises(LicensingError) as refusal:
        allocate_units(pool, SchoolFactory())
    assert refusal.value.code == "pool_suspended"
    assert operations.restore(order_id=order, by=None, at=LATER) == 1
    allocate_units(pool, SchoolFactory())
    actions = AuditEntry.objects.filter(object_type="pool").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["pools.opened", "pools.suspended", "pools.restored"]


def test_the_operator_confirms_before_anything_is_suspended(nimes, pool, portal):
    portal.force_login(OperatorFactory())
    chosen = {"action": "suspend", "_selected_action": [pool.entitlement.order_line.order_id]}
    assert "Rien n&#x27;est perdu" in portal.post("/admin/orders/order/", chosen).content.decode()
    assert Entitlement.objects.get().suspended_at is None
    portal.post("/admin/orders/order/", chosen | {"confirmed": "1"})
    assert Entitlement.objects.get().suspended_at is not None
    portal.post("/admin/orders/order/", chosen | {"confirmed": "1", "action": "restore"})
    assert Entitlement.objects.get().suspended_at is None
    with tenant_context(nimes):
        assert User.objects.get().pk in AuditEntry.objects.values_list("actor_id", flat=True)
