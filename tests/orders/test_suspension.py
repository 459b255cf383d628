"""Suspending and restoring an order's rights."""

import datetime

import pytest
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities.models import AuditEntry
from licensing.entitlements.models import Entitlement, SuspensionCause
from licensing.entitlements.wording import status_text
from licensing.orders import operations
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions as sales
from tests.orders.assertions import assert_refused, get_deadlines, list_violations
from tests.pools.actions import allocate_units
from tests.refusals import refuses

pytestmark = pytest.mark.slow

LATER = TERM + datetime.timedelta(days=1)


@pytest.fixture
def pool(nimes):
    return operations.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)


@pytest.mark.small
def test_a_suspended_lot_gives_nothing_and_a_restored_one_gives_again(pool):
    order = pool.entitlement.order_line.order_id
    assert operations.suspend(order_id=order, by=None, at=LATER) == 1
    assert operations.suspend(order_id=order, by=None, at=LATER) == 0
    with refuses("pool_suspended"):
        allocate_units(pool, SchoolFactory())
    assert operations.restore(order_id=order, by=None, at=LATER) == 1
    allocate_units(pool, SchoolFactory())
    actions = AuditEntry.objects.filter(object_type="pool").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["pools.opened", "pools.suspended", "pools.resumed"]


@pytest.mark.parametrize("cause", SuspensionCause)
def test_a_payment_lifts_a_suspension_for_want_of_payment_alone(cause, db):
    order = OrderFactory(confirmed=True)
    operations.suspend(order_id=order.pk, by=OperatorFactory(), at=TERM, cause=cause)
    sales.pay(order)
    is_other = cause == SuspensionCause.OPERATOR
    assert get_deadlines(order) == (None, None, is_other)
    assert Message.objects.get(kind="order.paid").context["resumed"] is not is_other
    assert list_violations() == set()


def test_a_suspension_that_a_payment_lifted_is_back_once_it_is_reversed(db):
    order = OrderFactory(confirmed=True)
    operations.suspend(order_id=order.pk, by=OperatorFactory(), at=TERM)
    before = get_deadlines(order)
    sales.pay(order)
    sales.reverse(order)
    assert (get_deadlines(order), list_violations()) == (before, set())
    operations.restore(order_id=order.pk, by=OperatorFactory(), at=LATER)
    sales.reverse(order, payment=sales.pay(order))
    assert get_deadlines(order)[2] is False


def test_an_order_that_awaits_no_payment_is_not_suspended_for_want_of_it(db):
    order = OrderFactory(paid=True)
    suspend = {"order_id": order.pk, "by": OperatorFactory(), "at": TERM}
    assert_refused("not_in_this_state", operations.suspend, **suspend, cause=SuspensionCause.UNPAID)
    operations.suspend(**suspend)
    entitlement = Entitlement.objects.get()
    assert (entitlement.suspension_cause, entitlement.resumes_when_paid) == (SuspensionCause.OPERATOR, False)


def test_a_suspension_for_another_cause_awaits_no_payment(db):
    order = OrderFactory(confirmed=True)
    operations.suspend(order_id=order.pk, by=OperatorFactory(), at=TERM, cause=SuspensionCause.OPERATOR)
    assert "règlement" not in status_text(Entitlement.objects.get(), TERM.date())


def test_the_operator_confirms_before_anything_is_suspended(nimes, pool, portal):
    portal.force_login(OperatorFactory())
    chosen = {"action": "suspend", "_selected_action": [pool.entitlement.order_line.order_id]}
    assert "Rien n’est perdu" in portal.post("/admin/orders/order/", chosen).content.decode()
    assert Entitlement.objects.get().suspended_at is None
    portal.post("/admin/orders/order/", chosen | {"confirmed": "1"})
    assert Entitlement.objects.get().suspended_at is not None
    portal.post("/admin/orders/order/", chosen | {"confirmed": "1", "action": "restore"})
    assert Entitlement.objects.get().suspended_at is None
    with tenant_context(nimes):
        assert User.objects.get().pk in AuditEntry.objects.values_list("actor_id", flat=True)
