"""Failures at Stripe: refused requests, payments that fail later, and the operator's instructions."""

from __future__ import annotations

import logging

import pytest
from django.conf import settings
from django.db import connection
from payments import PaymentStatus

from licensing.orders import card
from licensing.orders.card import asking, settling
from licensing.orders.card.exceptions import ProviderSilent
from licensing.orders.card.stripe_checkout import KINDS, StripeCheckout
from licensing.orders.models import CardPayment
from licensing.orders.operations import cancel
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.orders.card import stand_in
from tests.orders.card.ordering import NOTHING, PRICE, SETTLED, at_stripe, begun, effects, work

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


def state(payment):
    payment.refresh_from_db()
    return payment.status, payment.message


# --- Before payment -------------------------------------------------------------------------------------------------


def test_an_attempt_that_stripe_will_not_open_is_followed_by_another(stripe, portal):
    """If it were kept, the buyer could never pay by card."""
    payment = begun()
    CardPayment.objects.update(billing_email="élève@exemple.example")
    portal.force_login(payment.order.placed_by)
    refused = portal.post(payment.get_process_url())
    assert (refused.status_code, "email_invalid" in refused.content.decode()) == (409, True)
    assert state(payment)[0] == PaymentStatus.CANCELLED
    again = portal.post(payment.get_process_url())
    second = CardPayment.objects.get(status=PaymentStatus.WAITING)
    assert again["Location"] == second.get_process_url()
    stripe.pay(at_stripe(second, portal))
    assert "0/5" in portal.get(f"/paiement/{second.token}/retour/").content.decode()
    assert effects(payment.order) == SETTLED


def test_a_payment_that_fails_days_later_ends_and_can_be_made_again(stripe, opened, tell, portal):
    payment, session = opened
    assert tell(stripe.fail_later(session)).status_code == 200
    assert (state(payment)[0], effects(payment.order)) == (PaymentStatus.REJECTED, NOTHING)
    portal.post(payment.get_process_url())
    assert CardPayment.objects.filter(status=PaymentStatus.WAITING).count() == 1


# --- Refunds --------------------------------------------------------------------------------------------------------


def test_a_refused_refund_is_retried_with_a_new_idempotency_key(stripe, owed):
    payment, _ = owed
    stripe.refuses_refunds = "insufficient_funds"
    work()
    assert state(payment)[1].endswith(BY_TRANSFER)
    stripe.refuses_refunds = ""
    card.send_again(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM)
    work()
    assert (state(payment), len(stripe.refunds)) == ((PaymentStatus.REFUNDED, ""), 1)


def test_a_simultaneous_refund_by_someone_else_is_not_repeated(stripe, owed, monkeypatch):
    payment, session = owed
    look = StripeCheckout.look

    def look_then_refund(self, about):
        outcome = look(self, about)
        if not stripe.refunds:
            stripe.refund(session)
        return outcome

    monkeypatch.setattr(StripeCheckout, "look", look_then_refund)
    work()
    assert (state(payment), len(stripe.refunds)) == ((PaymentStatus.REFUNDED, ""), 1)


def test_a_disputed_payment_is_not_refunded(stripe, owed):
    payment, session = owed
    stripe.dispute(session)
    work()
    status, message = state(payment)
    assert status == PaymentStatus.CONFIRMED
    assert BY_TRANSFER not in message
    assert "voyez ce qu'elle a décidé avant de rien virer" in message


def test_a_pending_refund_says_so_until_it_is_sent(stripe, owed):
    payment, _ = owed
    stripe.down = True
    with pytest.raises(ProviderSilent):
        work()
    assert state(payment)[1].startswith("Le remboursement n'est pas encore parti")
    stripe.down = False
    asking.give_back(payment, at=TERM)
    assert state(payment) == (PaymentStatus.REFUNDED, "")


def test_a_stale_outcome_does_not_overwrite_a_failed_refund(stripe, owed):
    payment, _ = owed
    work()
    payment.refresh_from_db()
    late = asking.provider_of(payment).look(payment)
    stripe.fail_refund()
    failed = state(asking.look_again(payment, at=TERM))
    assert failed[1].startswith("Le remboursement a échoué")
    settling.learn(payment_id=payment.pk, outcome=late, at=TERM)
    assert state(payment) == failed


def test_a_refund_waits_while_our_api_key_is_rejected(stripe, owed, monkeypatch, tell, caplog):
    payment, session = owed
    monkeypatch.setattr(stand_in, "SECRET_KEY", "sk_test_another0123456789")
    with pytest.raises(ProviderSilent):
        work()
    assert BY_TRANSFER not in state(payment)[1]
    assert tell(stripe.event("checkout.session.completed", stripe.sessions[session])).status_code == 503
    assert "does not accept our key" in caplog.text
    monkeypatch.undo()
    asking.give_back(payment, at=TERM)
    assert state(payment) == (PaymentStatus.REFUNDED, "")


def test_the_end_of_a_dispute_is_shown_and_needs_no_action(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    tell(stripe.dispute(session))
    card.looked_at(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM)
    tell(stripe.dispute(session, "closed"))
    assert state(payment)[1].endswith("ou ce qui est décidé.")
    assert effects(payment.order) == SETTLED


# --- API calls ------------------------------------------------------------------------------------------------------


def test_stripe_is_never_called_inside_a_transaction(committing, stripe, portal, tell, monkeypatch):
    in_transaction = []
    ask = StripeCheckout._ask  # noqa: SLF001 - every request goes through it

    def noted(self, *question):
        in_transaction.append(connection.in_atomic_block)
        return ask(self, *question)

    monkeypatch.setattr(StripeCheckout, "_ask", noted)
    payment = begun()
    session = at_stripe(payment, portal)
    paid = stripe.pay(session)
    assert tell(paid).status_code == 200
    portal.get(f"/paiement/{payment.token}/retour/")
    operator = UserFactory(is_superuser=True)
    cancel(order_id=payment.order_id, reason="Commandée deux fois.", by=operator, at=TERM)
    card.refund(payment_id=payment.order.payments.get(amount=PRICE).pk, by=operator, at=TERM)
    assert work() == ["give_back"]
    assert len(stripe.refunds) == 1
    silent = begun()
    at_stripe(silent, portal)
    assert asking.catch_up(at=silent.modified, after=TERM - TERM) == 0
    CardPayment.objects.filter(pk=silent.pk).update(modified=TERM)
    assert asking.catch_up(at=silent.modified, after=TERM - TERM) == 1
    assert len(in_transaction) > 5
    assert not any(in_transaction)


def test_stripe_s_answer_about_an_unknown_session_is_not_logged(stripe, opened, caplog):
    """As when test keys are replaced by live ones during a payment."""
    caplog.set_level(logging.DEBUG)
    payment, session = opened
    stripe.sessions.clear()
    CardPayment.objects.update(modified=TERM)
    assert asking.catch_up(at=payment.modified, after=TERM - TERM) == 1
    assert f"{payment}: nothing was learnt" in caplog.text
    assert session not in caplog.text


def test_the_deployment_guide_lists_every_handled_event_type():
    guide = (settings.ROOT / "docs" / "deploy.md").read_text()
    assert [kind for kind in sorted(KINDS) if f"`{kind}`" not in guide] == []
