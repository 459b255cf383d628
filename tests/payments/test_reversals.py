"""A payment that bounced, or was recorded by mistake, is taken back: the order is owed again, its invoice unchanged."""

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.entitlements.models import Entitlement
from licensing.orders import operations, purchase_orders
from licensing.orders.models import OrderState
from licensing.orders.settlement import PaymentMethod, SettlementMethod
from licensing.payments import operations as payment_operations
from licensing.payments.models import Payment, ReversalReason
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.factories.payments import CardPaymentFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, list_email_kinds, list_violations
from tests.orders.dates import DAY, YEAR_ENDS, at_day
from tests.orders.test_emails import get_email_text

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_a_bounced_cheque_puts_the_order_back_to_what_is_owed():
    order = OrderFactory(paid=True)
    invoice, before = order.invoices.get(), get_deadlines(OrderFactory(confirmed=True))
    reversal = actions.reverse(order, at=at_day(9))
    order.refresh_from_db()
    assert (order.state, order.paid_at, get_balance(order)) == (OrderState.CONFIRMED, None, order.total_ttc)
    assert get_deadlines(order) == before
    assert (reversal.amount, reversal.method, reversal.reference) == (-order.total_ttc, PaymentMethod.TRANSFER, "VIR 1")
    assert order.invoices.get() == invoice
    assert list(order.events.order_by("pk").values_list("action", flat=True))[-2:] == [
        "payment_reversed",
        "unpaid_again",
    ]
    assert list_violations() == set()


@pytest.mark.slow
def test_parts_are_taken_back_until_nothing_is_left():
    order = OrderFactory(paid=True)
    actions.reverse(order, amount="50")
    actions.reverse(order, amount="100")
    assert get_amount_received(order) == 49
    assert "Il reste 49,00 €" in assert_refused("invalid_amount", actions.reverse, order, amount="49.01")
    assert_refused("invalid_amount", actions.reverse, order, amount="0")
    actions.reverse(order, amount="49")
    assert_refused("invalid_amount", actions.reverse, order, amount="0.01")
    assert (get_amount_received(order), list_violations()) == (0, set())


@pytest.mark.slow
@pytest.mark.parametrize(("amount", "state"), [("51", OrderState.PAID), ("51.01", OrderState.CONFIRMED)])
def test_an_order_stays_paid_while_what_it_costs_is_left(amount, state):
    order = OrderFactory(confirmed=True)
    actions.pay(order, amount="250")
    actions.reverse(order, amount=amount)
    order.refresh_from_db()
    assert order.state == state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "suspended", "sentence"),
    [
        (0, False, "vos droits temporaires courent jusqu'au"),
        (1, False, "Vos droits temporaires sont arrivés à leur terme"),
        (0, True, "classes, comptes des élèves et attributions sont conservés."),
    ],
)
def test_the_email_on_a_bounced_payment_says_what_its_rights_are_meanwhile(monkeypatch, days, suspended, sentence):
    order = OrderFactory(paid=True)
    actions.reverse(order)
    entitlement = Entitlement.objects.get()
    if suspended:
        Entitlement.objects.update(suspended_at=TERM, suspension_cause="operator")
    last = datetime.datetime.combine(entitlement.unpaid_until, datetime.time(12), TERM.tzinfo)
    monkeypatch.setattr(timezone, "now", lambda: last + days * DAY)
    assert sentence.replace("\xa0", " ") in get_email_text(order, "payment_reversed")


def test_a_part_of_an_order_that_was_not_fully_paid_leaves_it_owed():
    order = OrderFactory(confirmed=True)
    actions.pay(order, amount="99")
    actions.reverse(order, amount="9")
    order.refresh_from_db()
    assert (order.state, get_balance(order)) == (OrderState.CONFIRMED, 109)


@pytest.mark.slow
def test_a_cheque_presented_again_after_it_bounced_is_a_new_payment():
    order = OrderFactory(paid=True)
    actions.reverse(order)
    actions.pay(order)
    order.refresh_from_db()
    assert (order.state, order.payments.count(), get_deadlines(order)) == (OrderState.PAID, 3, (None, None, False))


@pytest.mark.slow
def test_rights_that_were_prolonged_are_not_shortened():
    order = OrderFactory(confirmed=True)
    purchase_orders.prolong(order_id=order.pk, until=YEAR_ENDS, by=OperatorFactory(), at=TERM)
    actions.pay(order)
    actions.reverse(order)
    assert get_deadlines(order) == (None, YEAR_ENDS, False)


@pytest.mark.slow
def test_what_the_operator_suspended_stays_suspended():
    order = OrderFactory(paid=True)
    operations.suspend(order_id=order.pk, by=OperatorFactory(), at=TERM)
    actions.reverse(order)
    assert get_deadlines(order)[2] is True


@pytest.mark.slow
def test_the_buyer_gets_an_email_on_a_bounced_payment_and_none_on_a_mistake():
    bounced, mistaken = OrderFactory(paid=True), OrderFactory(paid=True)
    actions.reverse(bounced)
    actions.reverse(mistaken, reason=ReversalReason.MISTAKE)
    assert list_email_kinds(bounced)[-1] == "payment_reversed"
    assert list_email_kinds(mistaken)[-1] == "paid"


@pytest.mark.slow
def test_another_reason_is_written_out():
    order = OrderFactory(paid=True)
    assert_refused("no_reason", actions.reverse, order, reason=ReversalReason.OTHER, text=" ")
    assert actions.reverse(order, reason=ReversalReason.OTHER, text="Doublon de virement").explanation


@pytest.mark.slow
def test_card_payments_and_negative_ones_are_not_reversed():
    card_order = OrderFactory(paid_by_card=True)
    assert "carte" in assert_refused("not_in_this_state", actions.reverse, card_order)
    order = OrderFactory(paid=True)
    reversal = actions.reverse(order, amount="1")
    assert_refused(
        "not_in_this_state", payment_operations.reverse_payment, payment_id=reversal.pk, amount=Decimal(1),
        reason="unpaid", text="", by=OperatorFactory(), at=TERM,
    )  # fmt: skip


@pytest.mark.slow
def test_a_cheque_that_bounces_after_the_cancellation_is_not_to_be_refunded():
    order = OrderFactory(cancelled=True)
    actions.reverse(order)
    order.refresh_from_db()
    assert (order.state, get_amount_received(order), list_violations()) == (OrderState.CANCELLED, 0, set())


@pytest.mark.slow
def test_what_was_completed_by_card_is_owed_by_cheque_once_a_cheque_bounces():
    order = OrderFactory(confirmed=True)
    actions.pay(order, amount="99")
    payment = CardPaymentFactory(order=order, total=Decimal(100))
    payment_operations.settle_by_card(card_payment_id=payment.pk, at=TERM + DAY)
    actions.reverse(order)
    order.refresh_from_db()
    assert (order.state, order.method, get_balance(order)) == (OrderState.CONFIRMED, SettlementMethod.MANDATE, 99)
    assert Payment.objects.filter(card__isnull=False).count() == 1
