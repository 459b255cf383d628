"""Payments in the back office: what came in by mistake, or bounced, is taken back."""

from __future__ import annotations

from licensing.billing.queries import get_balance
from licensing.orders.models import OrderState
from tests.factories.orders import OrderFactory
from tests.sites.back_office.pages import order_url, page_text
from tests.sites.back_office.test_orders import action_url, run_action


def test_a_bounced_cheque_is_reversed_from_its_page(operator):
    order = OrderFactory(current=True, paid=True)
    payment = order.payments.get()
    assert f"/admin/payments/payment/{payment.pk}/change/" in operator.get(order_url(order)).content.decode()
    question = page_text(operator.get(action_url(payment, "annuler")))
    assert "redevient à régler" in question
    assert "199,00" in question
    assert "Il reste 199,00 €" in run_action(operator, payment, "annuler", reason="unpaid", amount="200")
    assert "Dites pourquoi" in run_action(operator, payment, "annuler", reason="other", amount="100")
    done = run_action(operator, payment, "annuler", reason="unpaid", amount="100,50", text="Provision insuffisante")
    assert "100,50 € annulés : 100,50 € restent à régler" in done
    order.refresh_from_db()
    assert (order.state, get_balance(order)) == (OrderState.CONFIRMED, order.payments.get(refunds=payment).amount * -1)
    page = page_text(operator.get(order_url(order)))
    assert "98,50 € reçus, 100,50 € restent à régler" in page
    assert "Provision insuffisante" in page


def test_a_card_payment_cannot_be_reversed(operator):
    payment = OrderFactory(current=True, paid_by_card=True).payments.get()
    assert operator.get(action_url(payment, "annuler")).status_code == 302
