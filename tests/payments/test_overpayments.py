"""What comes in beyond what is owed is recorded, and given back or moved to another order of the same payer."""

import pytest

from core.calendar import date_in_paris
from licensing.books.billing.queries import get_balance
from licensing.orders.models import OrderState
from licensing.orders.settlement import PaymentMethod
from licensing.payments.models import PaymentKind
from licensing.payments.queries import get_surplus, list_owed_orders
from sites.back_office import work_items
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import AffiliationFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, list_email_kinds, list_violations

pytestmark = pytest.mark.django_db


def list_queue(name):
    return list(work_items.list_waiting_orders(name, date_in_paris(TERM)))


def test_more_than_is_owed_pays_the_order_and_leaves_a_surplus():
    order = OrderFactory(confirmed=True)
    assert_refused("invalid_amount", actions.pay, order, amount="0")
    actions.pay(order, amount="250")
    order.refresh_from_db()
    assert (order.state, get_surplus(order), get_deadlines(order)) == (OrderState.PAID, 51, (None, None, False))
    assert order.events.get(action="paid_in_excess").summary.startswith("51,00")
    assert (list_queue("trop-percus"), list_queue("rembourser"), list_violations()) == ([order], [], set())


@pytest.mark.slow
def test_a_mandat_paid_twice_is_recorded_twice():
    order = OrderFactory(paid=True)
    second = actions.pay(order, reference="VIR 2")
    assert actions.pay(order, reference="VIR 2") == second
    assert get_surplus(order) == order.total_ttc


@pytest.mark.slow
def test_what_comes_for_a_cancelled_order_is_recorded_to_be_given_back():
    order = OrderFactory(confirmed=True)
    actions.cancel(order)
    actions.pay(order)
    order.refresh_from_db()
    assert (order.state, get_surplus(order), list_queue("rembourser")) == (OrderState.CANCELLED, 199, [order])


@pytest.mark.slow
def test_a_surplus_is_given_back_from_the_latest_payments_first():
    order = OrderFactory(confirmed=True)
    actions.pay(order, amount="100", reference="VIR 1")
    actions.pay(order, amount="150", reference="VIR 2")
    last = actions.pay(order, amount="10", reference="VIR 3")
    order.refresh_from_db()
    assert get_surplus(order) == 61
    assert_refused("invalid_amount", actions.give_back, order, amount="61.01")
    assert_refused("invalid_amount", actions.give_back, order, amount="0")
    first, second = actions.give_back(order, amount="30", method=PaymentMethod.CHEQUE)
    assert (first.refunds, first.amount, second.amount) == (last, -10, -20)
    assert (first.method, first.reference) == (PaymentMethod.CHEQUE, "REMB 1")
    assert (get_surplus(order), order.state, list_violations()) == (31, OrderState.PAID, set())
    assert list_email_kinds(order)[-2:] == ["refunded", "refunded"]


@pytest.mark.slow
def test_a_surplus_pays_another_order_of_the_same_payer():
    order, owed = OrderFactory(confirmed=True), OrderFactory(confirmed=True)
    actions.pay(order, amount="298")
    assert_refused("invalid_amount", actions.move, order, owed, amount="99.01")
    (moved,) = actions.move(order, owed, amount="99")
    order.refresh_from_db()
    owed.refresh_from_db()
    assert (moved.amount, moved.kind, moved.moved_from.amount) == (99, PaymentKind.MOVED_IN, -99)
    assert (get_surplus(order), owed.state, get_balance(owed)) == (0, OrderState.CONFIRMED, 100)
    assert list_email_kinds(order)[-1] == "surplus_moved"
    actions.pay(order, amount="500", reference="VIR 2")
    assert "il reste" in assert_refused("invalid_amount", actions.move, order, owed, amount="100.01")
    actions.move(order, owed, amount="100")
    owed.refresh_from_db()
    assert (owed.state, get_deadlines(owed), list_violations()) == (OrderState.PAID, (None, None, False), set())


@pytest.mark.slow
def test_a_surplus_is_not_moved_to_an_order_of_another_payer():
    order = OrderFactory(confirmed=True)
    other = OrderFactory(confirmed=True, billing__cooperative=True)
    actions.pay(order, amount="298")
    assert_refused("not_in_this_state", actions.move, order, other, amount="1")
    paid = OrderFactory(paid=True)
    assert_refused("not_in_this_state", actions.move, order, paid, amount="1")


@pytest.mark.slow
def test_without_a_siret_the_same_payer_is_the_same_name_of_the_same_buyer():
    whose = AffiliationFactory(user=PrincipalFactory())
    billing = BillingDetailsFactory(cooperative=True)
    order, same = (OrderFactory(confirmed=True, affiliation=whose, billing=billing) for _ in range(2))
    OrderFactory(confirmed=True, billing=billing)
    assert list(list_owed_orders(order)) == [same]


@pytest.mark.slow
def test_a_moved_payment_is_reversed_where_it_is():
    order, owed = OrderFactory(confirmed=True), OrderFactory(confirmed=True)
    actions.pay(order, amount="398")
    actions.move(order, owed, amount="199")
    actions.reverse(owed)
    assert_refused("invalid_amount", actions.reverse, order)
    actions.reverse(order, amount="199")
    order.refresh_from_db()
    owed.refresh_from_db()
    assert (order.state, owed.state, list_violations()) == (OrderState.CONFIRMED, OrderState.CONFIRMED, set())
