"""Failures at Stripe: refused requests, payments that fail later, and the operator's instructions."""

import logging

import pytest
from django.conf import settings
from django.db import connection
from payments import PaymentStatus

from licensing.books.billing.operations import cancel
from licensing.payments import card
from licensing.payments.card_providers import ProviderSilent, get_provider
from licensing.payments.models import CardPayment
from licensing.payments.stripe_checkout import EVENT_TYPES, StripeCheckout
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.payments import StartedPaymentFactory
from tests.payments.card import fake_stripe
from tests.payments.card.actions import open_checkout, run_jobs
from tests.payments.card.effects import NO_EFFECTS, PAID_ONCE, PRICE, get_effects

pytestmark = pytest.mark.slow

BY_TRANSFER = "Faites le remboursement par virement."


@pytest.fixture
def owed(opened, stripe, tell):
    """A payment that is refunded in the books, before the refund is requested from Stripe."""
    payment, session = opened
    tell(stripe.pay(session))
    operator = UserFactory(is_superuser=True)
    cancel(order_id=payment.order_id, reason="Commandée deux fois.", by=operator, at=TERM)
    card.refund(payment_id=payment.order.payments.get().pk, by=operator, at=TERM)
    return payment, session


def get_status(payment):
    payment.refresh_from_db()
    return payment.status, payment.message


# --- Before payment -------------------------------------------------------------------------------------------------


def test_an_attempt_that_stripe_will_not_open_is_followed_by_another(stripe, portal):
    """If it were kept, the buyer could never pay by card."""
    payment = StartedPaymentFactory()
    CardPayment.objects.update(billing_email="élève@exemple.example")
    portal.force_login(payment.order.placed_by)
    refused = portal.post(payment.get_process_url())
    assert (refused.status_code, "email_invalid" in refused.content.decode()) == (409, True)
    assert get_status(payment)[0] == PaymentStatus.CANCELLED
    again = portal.post(payment.get_process_url())
    second = CardPayment.objects.get(status=PaymentStatus.WAITING)
    assert again["Location"] == second.get_process_url()
    stripe.pay(open_checkout(second, portal))
    assert "0 sur 5" in portal.get(f"/paiement/{second.token}/retour/").content.decode()
    assert get_effects(payment.order) == PAID_ONCE


def test_a_payment_that_fails_days_later_ends_and_can_be_made_again(stripe, opened, tell, portal):
    payment, session = opened
    assert tell(stripe.fail_later(session)).status_code == 200
    assert (get_status(payment)[0], get_effects(payment.order)) == (PaymentStatus.REJECTED, NO_EFFECTS)
    portal.post(payment.get_process_url())
    assert CardPayment.objects.filter(status=PaymentStatus.WAITING).count() == 1


# --- Refunds --------------------------------------------------------------------------------------------------------


def test_a_refused_refund_is_retried_with_a_new_idempotency_key(stripe, owed):
    payment, _ = owed
    stripe.refund_failure = "insufficient_funds"
    run_jobs()
    assert get_status(payment)[1].endswith(BY_TRANSFER)
    stripe.refund_failure = ""
    card.retry_refund(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM)
    run_jobs()
    assert (get_status(payment), len(stripe.refunds)) == ((PaymentStatus.REFUNDED, ""), 1)


def test_a_simultaneous_refund_by_someone_else_is_not_repeated(stripe, owed, monkeypatch):
    payment, session = owed
    fetch_outcome = StripeCheckout.fetch_outcome

    def look_then_refund(self, about):
        outcome = fetch_outcome(self, about)
        if not stripe.refunds:
            stripe.refund(session)
        return outcome

    monkeypatch.setattr(StripeCheckout, "fetch_outcome", look_then_refund)
    run_jobs()
    assert (get_status(payment), len(stripe.refunds)) == ((PaymentStatus.REFUNDED, ""), 1)


def test_a_disputed_payment_is_not_refunded(stripe, owed):
    payment, session = owed
    stripe.dispute(session)
    run_jobs()
    status, message = get_status(payment)
    assert status == PaymentStatus.CONFIRMED
    assert BY_TRANSFER not in message
    assert "voyez ce qu'elle a décidé avant de rien virer" in message


def test_a_pending_refund_says_so_until_it_is_sent(stripe, owed):
    payment, _ = owed
    stripe.down = True
    with pytest.raises(ProviderSilent):
        run_jobs()
    assert get_status(payment)[1].startswith("Le remboursement n'est pas encore parti")
    stripe.down = False
    card.send_refund(payment, refund_id=None, at=TERM)
    assert get_status(payment) == (PaymentStatus.REFUNDED, "")


def test_a_stale_outcome_does_not_overwrite_a_failed_refund(stripe, owed):
    payment, _ = owed
    run_jobs()
    payment.refresh_from_db()
    late = get_provider(payment).fetch_outcome(payment)
    stripe.fail_refund()
    failed = get_status(card.poll_payment(payment, at=TERM))
    assert failed[1].startswith("Le remboursement a échoué")
    card.record_outcome(payment_id=payment.pk, outcome=late, at=TERM)
    assert get_status(payment) == failed


def test_a_refund_waits_while_our_api_key_is_rejected(stripe, owed, monkeypatch, tell, caplog):
    payment, session = owed
    monkeypatch.setattr(fake_stripe, "SECRET_KEY", "sk_test_another0123456789")
    with pytest.raises(ProviderSilent):
        run_jobs()
    assert BY_TRANSFER not in get_status(payment)[1]
    assert tell(stripe.event("checkout.session.completed", stripe.sessions[session])).status_code == 503
    assert "does not accept our key" in caplog.text
    monkeypatch.undo()
    card.send_refund(payment, refund_id=None, at=TERM)
    assert get_status(payment) == (PaymentStatus.REFUNDED, "")


def test_the_end_of_a_dispute_is_shown_and_needs_no_action(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    tell(stripe.dispute(session))
    card.dismiss_message(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM)
    tell(stripe.dispute(session, "closed"))
    assert get_status(payment)[1].endswith("ou ce qui est décidé.")
    assert get_effects(payment.order) == PAID_ONCE


# --- API calls ------------------------------------------------------------------------------------------------------


def test_stripe_is_never_called_inside_a_transaction(committing, stripe, portal, tell, monkeypatch):
    in_transaction = []
    ask = StripeCheckout._call  # noqa: SLF001 - every request goes through it

    def noted(self, *question):
        in_transaction.append(connection.in_atomic_block)
        return ask(self, *question)

    monkeypatch.setattr(StripeCheckout, "_call", noted)
    payment = StartedPaymentFactory()
    session = open_checkout(payment, portal)
    paid = stripe.pay(session)
    assert tell(paid).status_code == 200
    portal.get(f"/paiement/{payment.token}/retour/")
    operator = UserFactory(is_superuser=True)
    cancel(order_id=payment.order_id, reason="Commandée deux fois.", by=operator, at=TERM)
    card.refund(payment_id=payment.order.payments.get(amount=PRICE).pk, by=operator, at=TERM)
    assert run_jobs() == ["send_refund"]
    assert len(stripe.refunds) == 1
    silent = StartedPaymentFactory()
    open_checkout(silent, portal)
    assert card.poll_open_payments(at=silent.modified, after=TERM - TERM) == 0
    CardPayment.objects.filter(pk=silent.pk).update(modified=TERM)
    assert card.poll_open_payments(at=silent.modified, after=TERM - TERM) == 1
    assert len(in_transaction) > 5
    assert not any(in_transaction)


def test_stripe_s_answer_about_an_unknown_session_is_not_logged(stripe, opened, caplog):
    """As when test keys are replaced by live ones during a payment."""
    caplog.set_level(logging.DEBUG)
    payment, session = opened
    stripe.sessions.clear()
    CardPayment.objects.update(modified=TERM)
    assert card.poll_open_payments(at=payment.modified, after=TERM - TERM) == 1
    assert f"{payment}: nothing was learnt" in caplog.text
    assert session not in caplog.text


@pytest.mark.small
def test_the_deployment_guide_lists_every_handled_event_type():
    guide = (settings.ROOT / "docs" / "deploy.md").read_text()
    assert [kind for kind in sorted(EVENT_TYPES) if f"`{kind}`" not in guide] == []
