"""Payments through Stripe, over HTTP against a fake: each event has its effect once, in any order."""

import dataclasses
import logging
import random
from decimal import Decimal

import pytest
from django.conf import settings
from payments import PaymentStatus

from licensing.books.billing.operations import cancel
from licensing.catalogue.models import Seller
from licensing.orders.models import OrderState
from licensing.payments import card
from licensing.payments.card import record_outcome
from licensing.payments.card_providers import ProviderRefuses, ProviderSilent, SessionState, get_provider
from licensing.payments.models import CardPayment, ProviderEvent
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.orders import OrderFactory
from tests.factories.payments import StartedPaymentFactory
from tests.factories.shop import get_seller
from tests.host_client import HostClient
from tests.payments.card import fake_stripe
from tests.payments.card.actions import open_checkout, run_jobs
from tests.payments.card.effects import NO_EFFECTS, PAID_ONCE, PRICE, get_effects
from tests.refusals import refuses

pytestmark = pytest.mark.slow

WEBHOOK = "/webhooks/stripe/"


def shuffle_events(events, seed):
    repeated = events * 5
    random.Random(seed).shuffle(repeated)  # noqa: S311 - an order, not a secret
    return repeated


def test_a_purchase_from_checkout_to_the_seat_counter(stripe, portal):
    payment = StartedPaymentFactory()
    session = open_checkout(payment, portal)
    (request,) = stripe.requests_to("/v1/checkout/sessions")
    price = request["line_items"]["0"]["price_data"]
    assert (price["unit_amount"], price["currency"], request["locale"]) == ("19900", "eur", "fr")
    assert price["product_data"]["name"].replace("\xa0", " ") == "Licence globale TOUS NIVEAUX (5 classes - 150 élèves)"
    assert (request["customer_email"], request["allowed_payment_method_types"]) == (
        "coop@exemple.example",
        {"0": "card"},
    )
    stripe.pay(session)
    page = portal.get(f"/paiement/{payment.token}/retour/").content.decode()
    assert "0 sur 5" in page
    assert get_effects(payment.order) == PAID_ONCE
    payment.refresh_from_db()
    assert (payment.status, payment.captured_amount) == (PaymentStatus.CONFIRMED, PRICE)
    # No personal data from Stripe is stored.
    assert payment.extra_data == '{"charge": "pi_00000002"}'


@pytest.mark.parametrize("seed", range(2))
def test_each_event_five_times_out_of_order_has_the_effect_of_one(stripe, opened, tell, seed):
    payment, session = opened
    paid = stripe.pay(session)
    late = stripe.event("checkout.session.expired", {**paid["data"]["object"], "status": "expired"})
    other = stripe.event("customer.created", {"id": "cus_1", "object": "customer"})
    events = [paid, late, other, stripe.event("checkout.session.async_payment_succeeded", paid["data"]["object"])]
    assert {tell(event).status_code for event in shuffle_events(events, seed)} == {200}
    assert get_effects(payment.order) == PAID_ONCE
    assert ProviderEvent.objects.count() == 3


@pytest.mark.parametrize("seed", range(2))
def test_a_refund_from_the_stripe_dashboard_is_recorded_in_any_event_order(stripe, opened, tell, seed):
    payment, session = opened
    paid = stripe.pay(session)
    events = [paid, stripe.refund(session), stripe.event("refund.updated", stripe.refunds[0])]
    for event in shuffle_events(events, seed):
        assert tell(event).status_code == 200
    payment.refresh_from_db()
    payment.order.refresh_from_db()
    assert (payment.status, payment.order.state) == (PaymentStatus.REFUNDED, OrderState.CANCELLED)
    assert get_effects(payment.order) == {
        "payments": [PRICE, -PRICE],
        "invoices": ["invoice", "credit_note"],
        "licences": [5],
    }
    assert payment.order.lines.get().entitlement.suspended_at is not None
    assert (run_jobs(), len(stripe.refunds)) == ([], 1)


def test_only_events_signed_by_stripe_are_accepted(stripe, opened, tell, caplog):
    payment, session = opened
    paid = stripe.pay(session)
    request_count = len(stripe.requests)
    body, signature = fake_stripe.sign_event(paid)
    visitor = HostClient(settings.BASE_DOMAIN, enforce_csrf_checks=True)

    def post(content, **headers):
        return visitor.post(WEBHOOK, content, content_type="application/json", headers=headers).status_code

    assert tell(paid, secret="whsec_of_another").status_code == 400
    assert tell(paid, at=TERM.timestamp()).status_code == 400
    assert post(body) == 400
    for nonsense in ("é", "t=,v1=", "v1", "t=1,v1=é", f"t={'9' * 5000},v1=0", signature.replace("v1", "v0")):
        assert post(body, Stripe_Signature=nonsense) == 400
    assert post(b"\xff", Stripe_Signature=signature) == 400
    assert post(body.replace(b"19900", b"1"), Stripe_Signature=signature) == 400
    assert (len(stripe.requests), get_effects(payment.order)) == (request_count, NO_EFFECTS)
    assert post(body, Stripe_Signature=signature) == 200
    assert get_effects(payment.order) == PAID_ONCE


def test_nothing_secret_and_nobody_s_address_is_logged(stripe, portal, tell, caplog):
    caplog.set_level(logging.DEBUG)
    payment = StartedPaymentFactory()
    session = open_checkout(payment, portal)
    tell(stripe.event("checkout.session.completed", {}), secret="whsec_of_another")
    stripe.down = True
    portal.get(f"/paiement/{payment.token}/retour/")
    stripe.down = False
    tell(stripe.pay(session))
    assert "did not sign" in caplog.text
    assert "nothing was learnt" in caplog.text
    secrets = (fake_stripe.SECRET_KEY, fake_stripe.WEBHOOK_SECRET, "coop@exemple.example", payment.token, session)
    assert [secret for secret in secrets if secret in caplog.text] == []


@pytest.mark.parametrize("wrong", [{"amount_total": 100}, {"currency": "usd"}, {"client_reference_id": "another"}])
def test_an_unexpected_payment_grants_nothing_and_is_refunded(stripe, opened, tell, wrong):
    payment, session = opened
    paid = stripe.pay(session)
    stripe.sessions[session].update(wrong)
    assert tell(paid).status_code == 200
    assert get_effects(payment.order) == NO_EFFECTS
    assert run_jobs() == ["send_refund"]
    payment.refresh_from_db()
    assert (payment.status, payment.message) == (PaymentStatus.REFUNDED, "")
    assert len(stripe.refunds) == 1


def test_an_order_paid_in_two_windows_is_paid_once(stripe, opened, portal, tell):
    first, session = opened
    # Second window: the first payment is cancelled here, and paid at Stripe before its session expires.
    CardPayment.objects.filter(pk=first.pk).update(status=PaymentStatus.CANCELLED)
    second = card.start_attempt(order_id=first.order_id, by=first.order.placed_by, at=TERM)
    other = open_checkout(second, portal)
    for event in (stripe.pay(session), stripe.pay(other)):
        assert tell(event).status_code == 200
    assert run_jobs() == ["send_refund"]
    assert get_effects(first.order) == {"payments": [PRICE, PRICE, -PRICE], "invoices": ["invoice"], "licences": [5]}
    second.refresh_from_db()
    assert (second.status, len(stripe.refunds)) == (PaymentStatus.REFUNDED, 1)
    assert "vous est rendu" in portal.get(f"/paiement/{second.token}/retour/").content.decode().replace("Il ", "")
    first.order.refresh_from_db()
    assert first.order.state == OrderState.PAID


def test_the_operator_s_refund_is_in_the_books_at_once_and_sent_once(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    operator = UserFactory(is_superuser=True)
    cancel(order_id=payment.order_id, reason="Commandée deux fois.", by=operator, at=TERM)
    money = payment.order.payments.get()
    for _ in range(2):
        card.refund(payment_id=money.pk, by=operator, at=TERM)
    assert get_effects(payment.order)["payments"] == [PRICE, -PRICE]
    assert stripe.refunds == []
    assert set(run_jobs()) == {"send_refund"}
    # As when a worker was killed before recording the refund.
    card.send_refund(CardPayment.objects.get(), refund_id=payment.order.payments.get(amount__lt=0).pk, at=TERM)
    tell(stripe.event("charge.refunded", stripe.charges["ch_00000003"]))
    assert [refund["amount"] for refund in stripe.refunds] == [19900]
    assert get_effects(payment.order)["payments"] == [PRICE, -PRICE]
    payment.refresh_from_db()
    assert payment.status == PaymentStatus.REFUNDED


def test_a_failed_refund_waits_for_the_operator(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    tell(stripe.refund(session))
    tell(stripe.fail_refund())
    payment.refresh_from_db()
    assert payment.message == "Le remboursement a échoué (carte expirée ou annulée) : faites-le par virement."
    assert payment.captured_amount == PRICE
    # A second request creates another refund.
    card.retry_refund(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM)
    assert run_jobs() == ["send_refund"]
    payment.refresh_from_db()
    assert (payment.status, payment.message, len(stripe.refunds)) == (PaymentStatus.REFUNDED, "", 2)


def test_a_payment_that_is_not_owed_back_is_not_refunded(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    with refuses("nothing_to_pay"):
        card.retry_refund(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM)


def test_a_disputed_payment_is_shown_until_the_operator_acknowledges_it(stripe, opened, tell):
    payment, session = opened
    tell(stripe.pay(session))
    tell(stripe.dispute(session))
    payment.refresh_from_db()
    assert payment.message.startswith("Le porteur de la carte a contesté ce paiement")
    assert get_effects(payment.order) == PAID_ONCE
    assert card.dismiss_message(card_payment_id=payment.pk, by=UserFactory(is_superuser=True), at=TERM).message == ""


def test_while_stripe_is_down_nothing_is_lost(stripe, portal, tell):
    payment = StartedPaymentFactory()
    portal.force_login(payment.order.placed_by)
    stripe.down = True
    refused = portal.post(payment.get_process_url())
    assert (refused.status_code, "Rien n’a été débité" in refused.content.decode()) == (409, True)
    stripe.down = False
    session = open_checkout(payment, portal)
    paid = stripe.pay(session)
    stripe.down = True
    assert tell(paid).status_code == 503
    assert "ne payez pas une seconde fois" in portal.get(f"/paiement/{payment.token}/retour/").content.decode()
    with pytest.raises(ProviderSilent):
        card.send_refund(payment, refund_id=None, at=TERM)
    assert get_effects(payment.order) == NO_EFFECTS
    stripe.down = False
    assert tell(paid).status_code == 200
    assert get_effects(payment.order) == PAID_ONCE


def test_a_paid_order_without_invoice_is_reported_and_invoiced_later(stripe, opened, tell):
    payment, session = opened
    paid = stripe.pay(session)
    Seller.objects.all().delete()
    assert tell(paid).status_code == 503
    payment.refresh_from_db()
    assert payment.message.startswith("Ce que dit le prestataire n'a pas pu être suivi : ")
    assert (get_effects(payment.order), ProviderEvent.objects.count()) == (NO_EFFECTS, 0)
    get_seller()
    assert tell(paid).status_code == 200
    payment.refresh_from_db()
    assert (get_effects(payment.order), payment.message) == (PAID_ONCE, "")


def test_payments_without_a_notification_are_polled(stripe, opened, portal):
    paid, session = opened
    given_up = StartedPaymentFactory()
    expired = open_checkout(given_up, portal)
    stripe.pay(session)
    stripe.expire(expired)
    waited = given_up.modified - TERM
    assert card.poll_open_payments(at=given_up.modified, after=waited + waited) == 0
    assert card.poll_open_payments(at=given_up.modified, after=-abs(waited)) == 2
    assert get_effects(paid.order) == PAID_ONCE
    given_up.refresh_from_db()
    assert given_up.status == PaymentStatus.REJECTED
    # The buyer may start again.
    again = portal.post(given_up.get_process_url())
    second = CardPayment.objects.get(order=given_up.order, status=PaymentStatus.WAITING)
    assert again["Location"] == second.get_process_url()


def test_a_session_whose_id_was_not_saved_is_found_by_its_event(stripe, opened, tell):
    """As when the process was killed between creating the session and saving its id."""
    payment, session = opened
    CardPayment.objects.update(transaction_id="", status=PaymentStatus.WAITING)
    assert tell(stripe.pay(session)).status_code == 200
    assert get_effects(payment.order) == PAID_ONCE


def test_starting_twice_opens_one_stripe_session(stripe, opened):
    payment, session = opened
    CardPayment.objects.update(transaction_id="", status=PaymentStatus.WAITING)
    payment.refresh_from_db()
    form = get_provider(payment).form_class({})
    assert card.open_session(payment, form).endswith(session)
    assert list(stripe.sessions) == [session]


def test_an_attempt_for_another_amount_is_cancelled_here_and_at_stripe(stripe, opened):
    payment, session = opened
    order = payment.order
    assert card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM) == payment
    CardPayment.objects.update(total=Decimal("49.00"))
    second = card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)
    assert (second.total, run_jobs(), stripe.sessions[session]["status"]) == (PRICE, ["close_session"], "expired")


def test_nobody_is_sent_to_pay_for_what_was_cancelled_in_another_window(stripe, portal):
    payment = StartedPaymentFactory()
    cancel(order_id=payment.order_id, reason="Abandonnée.", by=UserFactory(is_superuser=True), at=TERM)
    portal.force_login(payment.order.placed_by)
    assert portal.post(payment.get_process_url()).status_code == 409
    assert stripe.sessions == {}


def test_a_payment_is_its_buyer_s_alone(stripe, opened, portal):
    payment, _ = opened
    portal.force_login(PrincipalFactory())
    for path in (payment.get_process_url(), f"/paiement/{payment.token}/retour/"):
        assert portal.get(path).status_code == 404
    assert portal.post(payment.get_process_url()).status_code == 404
    with refuses("nothing_to_pay"):
        card.start_attempt(order_id=payment.order_id, by=PrincipalFactory(), at=TERM)


@pytest.mark.small
def test_an_order_is_paid_once_its_buyer_has_chosen_the_card(stripe, db):
    order = OrderFactory(by_card=True)
    order.method = ""
    order.save()
    with refuses("nothing_to_pay"):
        card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)


def test_a_page_of_payment_elsewhere_than_at_stripe_is_refused(stripe, db, settings):
    payment = StartedPaymentFactory()
    settings.STRIPE_CHECKOUT_ORIGIN = "https://checkout.stripe.com"
    with pytest.raises(ProviderRefuses, match="page de paiement de Stripe n'est pas à"):
        get_provider(payment).open(payment, None)


def test_a_session_that_is_over_leaves_what_was_paid(stripe, opened, portal):
    payment, session = opened
    stripe.pay(session)
    portal.get(f"/paiement/{payment.token}/retour/")
    payment.refresh_from_db()
    over = dataclasses.replace(get_provider(payment).fetch_outcome(payment), stage=SessionState.OVER)
    assert record_outcome(payment_id=payment.pk, outcome=over, at=TERM).status == PaymentStatus.CONFIRMED
    assert get_effects(payment.order) == PAID_ONCE


def test_the_page_s_form_may_lead_to_stripe_and_nowhere_else(stripe, opened, portal):
    payment, _ = opened
    policy = portal.get(payment.get_process_url())["Content-Security-Policy"]
    assert f"form-action 'self' {settings.STRIPE_CHECKOUT_ORIGIN};" in f"{policy};"
    assert "form-action 'self';" in f"{portal.get('/boutique/')['Content-Security-Policy']};"
