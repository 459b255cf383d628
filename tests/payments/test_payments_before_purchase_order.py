"""A transfer that comes before the signed purchase order stands for it: invoice, payment and rights in one act."""

import pytest

from licensing.orders.models import OrderState
from tests.conftest import TERM
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, is_usable, list_email_kinds, list_violations
from tests.orders.dates import DAY, YEAR_ENDS, at_day

pytestmark = pytest.mark.django_db


@pytest.mark.slow
@pytest.mark.parametrize(("state", "day"), [("placed", 3), ("lapsed", 60), ("scanned", 3), ("lapsed_scanned", 60)])
def test_a_transfer_invoices_pays_and_restores_an_order_without_its_purchase_order(state, day):
    order = OrderFactory(**{state: True})
    actions.pay(order, at=at_day(day))
    order.refresh_from_db()
    assert (order.state, get_deadlines(order), is_usable(order, at_day(100))) == (
        OrderState.PAID, (None, None, False), True,
    )  # fmt: skip
    invoice = order.invoices.get()
    # The invoice asks for nothing any more.
    assert (invoice.snapshot["received"], invoice.snapshot["paid_by"]) == (f"{order.total_ttc:.2f}", "transfer")
    assert not order.scans.filter(state="waiting").exists()
    assert list_violations() == set()


@pytest.mark.slow
def test_a_purchase_order_that_never_came_is_not_recorded_as_received():
    order = OrderFactory(lapsed=True)
    actions.pay(order, at=at_day(60))
    order.refresh_from_db()
    assert order.received_at is None
    assert order.events.get(action="confirmed").summary.startswith("règlement reçu, facture P2027-000001 émise")
    assert list_email_kinds(order)[-2:] == ["invoiced", "paid"]


@pytest.mark.slow
def test_a_part_restores_the_rights_while_the_rest_is_awaited(nimes):
    order = PurchaseFactory(lapsed=True)
    actions.pay(order, amount="100", at=at_day(60))
    order.refresh_from_db()
    assert (order.state, order.invoices.get().snapshot["received"]) == (OrderState.CONFIRMED, "100.00")
    assert get_deadlines(order) == (None, (at_day(60) + 45 * DAY).date(), False)
    assert is_usable(order, at_day(60))
    assert list_violations() == set()


@pytest.mark.slow
def test_what_the_invoice_needs_is_completed_first_and_nothing_is_recorded():
    order = OrderFactory(lapsed=True, billing__siret="")
    assert "facture ne peut pas encore être émise" in assert_refused(
        "incomplete_for_invoice", actions.pay, order, at=at_day(60)
    )
    assert not order.payments.exists()
    assert not order.invoices.exists()


@pytest.mark.slow
def test_money_for_a_year_that_is_over_is_recorded_once_the_order_is_cancelled():
    order = OrderFactory(lapsed=True)
    late = TERM.replace(year=YEAR_ENDS.year, month=9, day=2)
    assert "Annulez-la" in assert_refused("not_in_this_state", actions.pay, order, at=late)
    actions.cancel(order, at=late)
    actions.pay(order, at=late)
    assert list_violations() == set()


def test_an_order_that_the_operator_looks_at_first_takes_no_payment():
    order = OrderFactory(in_review=True)
    assert "Ouvrez d'abord ses droits" in assert_refused("not_in_this_state", actions.pay, order)
