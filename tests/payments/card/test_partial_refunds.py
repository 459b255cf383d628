"""A card is refunded in parts, by us or in Stripe's dashboard: books and Stripe say the same, once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from payments import PaymentStatus

from core.calendar import date_in_paris
from licensing.books.billing.queries import get_balance
from licensing.orders.models import OrderState
from licensing.payments import card
from licensing.payments.credits import demand_refunded_part
from licensing.payments.models import Payment
from licensing.payments.queries import get_card_net
from mailing import kinds
from sites.back_office import work_items
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, get_deadlines, list_email_kinds, list_messages, list_violations
from tests.payments.card.actions import run_jobs
from tests.payments.card.effects import PRICE, get_effects

pytestmark = pytest.mark.slow

PART = Decimal("50.00")


@pytest.fixture
def paid(stripe, opened, tell):
    """A payment of a paid order, and its checkout session."""
    payment, session = opened
    tell(stripe.pay(session))
    return payment, session


def get_order(payment):
    payment.refresh_from_db()
    payment.order.refresh_from_db()
    return payment.order


def list_queue(name):
    return list(work_items.list_waiting_orders(name, date_in_paris(TERM)))


def read_email(order):
    message = list_messages(order).last()
    return kinds.get(message.kind).render(message).text.replace("\xa0", " ")


def test_what_is_credited_goes_back_to_the_card_at_once(stripe, paid, portal):
    payment, _ = paid
    order = get_order(payment)
    actions.credit(order, licences=1)
    actions.credit(order, amount="10")
    assert run_jobs() == ["send_refund", "send_refund"]
    assert [refund["amount"] for refund in stripe.refunds] == [3980, 1000]
    assert get_effects(order) == {
        "payments": [PRICE, Decimal("-39.80"), Decimal(-10)],
        "invoices": ["invoice", "credit_note", "credit_note"],
        "licences": [4],
    }
    order = get_order(payment)
    assert (payment.status, payment.captured_amount) == (PaymentStatus.CONFIRMED, Decimal("149.20"))
    assert (order.state, list_queue("trop-percus"), list_queue("avoirs"), list_violations()) == (
        OrderState.PAID, [], [], set()
    )  # fmt: skip
    # The buyer's page still says that the order is paid.
    assert "0 sur 4" in portal.get(f"/paiement/{payment.token}/retour/").content.decode()


def test_the_same_refund_asked_for_again_is_made_once(stripe, paid):
    payment, _ = paid
    actions.credit(get_order(payment), licences=1)
    refund = Payment.objects.get(amount__lt=0)
    for _ in range(3):
        card.send_refund(payment, refund_id=refund.pk, at=TERM)
    # Days later, when Stripe has forgotten the key.
    stripe._answers.clear()  # noqa: SLF001 - as Stripe does
    card.send_refund(payment, refund_id=refund.pk, at=TERM)
    assert [one["amount"] for one in stripe.refunds] == [3980]
    assert (run_jobs(), len(stripe.refunds), list_violations()) == (["send_refund"], 1, set())


def test_a_part_refunded_in_the_dashboard_is_recorded_once_and_waits_for_the_operator(stripe, paid, tell):
    payment, session = paid
    events = [stripe.refund(session, 5000), stripe.refund(session, 2500)]
    events += [stripe.event("refund.updated", refund) for refund in stripe.refunds]
    for event in events * 2:
        assert tell(event).status_code == 200
    order = get_order(payment)
    refunds = Payment.objects.exclude(provider_refund="").order_by("pk")
    assert {(one.amount, one.provider_refund) for one in refunds} == {
        (-Decimal(refund["amount"]) / 100, refund["id"]) for refund in stripe.refunds
    }
    assert (order.state, get_balance(order), list_queue("avoirs")) == (OrderState.PAID, 75, [order])
    assert (payment.captured_amount, payment.message, list_violations()) == (124, "", set())
    assert list_email_kinds(order)[-2:] == ["refunded", "refunded"]
    assert "Vos droits ne changent pas" in read_email(order)
    assert run_jobs() == []


def test_a_credit_note_says_why_a_part_was_refunded(stripe, paid, tell):
    payment, session = paid
    tell(stripe.refund(session, 5000))
    order = get_order(payment)
    note = actions.credit(order, amount=PART)
    assert "Remboursement sur la carte" in note.snapshot["corrects"]["refund_terms"]
    assert (get_balance(order), list_queue("avoirs"), run_jobs(), len(stripe.refunds)) == (0, [], [], 1)
    assert list_violations() == set()


def test_a_part_refunded_by_mistake_is_owed_again(stripe, paid, tell):
    payment, session = paid
    assert_refused("not_in_this_state", demand_refunded_part, order_id=payment.order_id, by=OperatorFactory(), at=TERM)
    tell(stripe.refund(session, 5000))
    order = get_order(payment)
    demand_refunded_part(order_id=order.pk, by=OperatorFactory(), at=TERM)
    order.refresh_from_db()
    assert (order.state, list_queue("avoirs"), get_deadlines(order)[1] is not None) == (OrderState.CONFIRMED, [], True)
    assert list_violations() == set()
    assert "50,00 € vous ont été rendus sur votre carte" in read_email(order)
    actions.pay(order, amount=PART, at=timezone.now())
    order.refresh_from_db()
    assert (order.state, list_violations()) == (OrderState.PAID, set())


def test_what_is_left_and_refunded_in_the_dashboard_cancels_the_order(stripe, paid, tell):
    payment, session = paid
    order = get_order(payment)
    actions.credit(order, licences=1)
    run_jobs()
    tell(stripe.refund(session))
    order = get_order(payment)
    notes = order.invoices.filter(kind="credit_note").order_by("pk")
    assert (order.state, [note.total_ttc for note in notes]) == (
        OrderState.CANCELLED, [Decimal("39.80"), Decimal("159.20")]
    )  # fmt: skip
    assert (get_card_net(payment), payment.status, list_violations()) == (0, PaymentStatus.REFUNDED, set())


def test_a_refund_of_the_dashboard_before_ours_is_not_given_back_twice(stripe, paid, tell):
    """The operator cancels, and refunds a part in the dashboard before our own refund leaves."""
    payment, session = paid
    order = get_order(payment)
    actions.cancel(order)
    card.refund(payment_id=order.payments.get().pk, by=OperatorFactory(), at=TERM)
    tell(stripe.refund(session, 5000))
    assert run_jobs() == ["send_refund"]
    assert sorted(refund["amount"] for refund in stripe.refunds) == [5000, 14900]
    get_order(payment)
    assert (get_card_net(payment), payment.captured_amount, list_violations()) == (0, 0, set())


def test_a_failed_part_waits_for_the_operator_and_is_asked_for_anew(stripe, paid, tell):
    payment, _ = paid
    order = get_order(payment)
    actions.credit(order, licences=1)
    actions.credit(order, amount="10")
    run_jobs()
    tell(stripe.fail_refund())
    order = get_order(payment)
    assert "a échoué" in payment.message
    assert (list_queue("cartes"), list_violations()) == ([order], set())
    card.retry_refund(card_payment_id=payment.pk, by=OperatorFactory(), at=TERM)
    assert run_jobs() == ["send_refund"]
    get_order(payment)
    assert (payment.captured_amount, payment.message, list_violations()) == (Decimal("149.20"), "", set())
    assert [refund["amount"] for refund in stripe.refunds] == [3980, 1000, 1000]


def test_a_failed_part_that_is_given_back_otherwise_is_no_breach(stripe, paid, tell):
    payment, _ = paid
    actions.credit(get_order(payment), licences=1)
    run_jobs()
    tell(stripe.fail_refund())
    card.dismiss_message(card_payment_id=payment.pk, by=OperatorFactory(), at=TERM)
    assert list_violations() == set()


def test_more_refunds_than_stripe_shows_with_a_charge_are_all_counted(stripe, paid, tell):
    payment, session = paid
    for _ in range(12):
        event = stripe.refund(session, 100)
    tell(event)
    order = get_order(payment)
    assert (get_balance(order), Payment.objects.exclude(provider_refund="").count()) == (12, 12)
    assert (payment.captured_amount, list_violations()) == (187, set())


def test_a_refund_whose_event_was_lost_is_recorded_the_next_day(stripe, paid, tell):
    payment, session = paid
    day = timedelta(days=1)
    stripe.refund(session, 5000)
    assert card.poll_charges(at=timezone.now() + 2 * day, within=day) == 0
    assert card.poll_charges(at=timezone.now(), within=day) == 1
    assert (get_balance(get_order(payment)), card.poll_charges(at=timezone.now(), within=day)) == (PART, 0)
    # A dispute that the operator saw is not shown again.
    tell(stripe.dispute(session))
    card.dismiss_message(card_payment_id=payment.pk, by=OperatorFactory(), at=TERM)
    assert card.poll_charges(at=timezone.now(), within=day) == 0
    assert list_queue("cartes") == []
    stripe.down = True
    assert card.poll_charges(at=timezone.now(), within=day) == 0


@pytest.mark.small
def test_the_audit_finds_what_books_and_stripe_disagree_on(stripe, paid):
    payment, _ = paid
    actions.credit(get_order(payment), licences=1)
    # Books say that it went back: the job is queued.
    assert list_violations() == set()
    type(payment).objects.filter(pk=payment.pk).update(captured_amount=100)
    assert list_violations() == {"card_refunds"}
