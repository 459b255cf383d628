"""Payments in the back office: what came in by mistake, or bounced, is taken back."""

from __future__ import annotations

from django.utils import timezone

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


def test_more_than_is_owed_is_recorded_once_it_is_confirmed(operator):
    order = OrderFactory(current=True, confirmed=True)
    typed = {"method": "transfer", "amount": "250", "received_on": timezone.localdate().isoformat(), "reference": "V1"}
    page = action_url(order, "reglement")
    refused = operator.post(page, typed | {"page_version": operator.get(page).context["page_version"]})
    assert "cochez la case" in page_text(refused)
    assert not order.payments.exists()
    assert "51,00 € de trop-perçu" in run_action(operator, order, "reglement", **typed, in_excess="on")
    assert "Trop-perçu : 51,00 €" in page_text(operator.get(order_url(order)))
    assert "1 trop-perçu à rendre" in page_text(operator.get("/admin/"))
    assert operator.get(action_url(order, "reporter-le-trop-percu")).status_code == 302


def test_an_overpayment_is_given_back_or_moved_from_the_page_of_the_order(operator):
    order = OrderFactory(current=True, paid=True)
    typed = {"method": "transfer", "amount": "250", "received_on": timezone.localdate().isoformat(), "reference": "V2"}
    assert "250,00 € de trop-perçu" in run_action(operator, order, "reglement-en-trop", **typed)
    given = {"amount": "51", "method": "transfer", "reference": "R1"}
    assert "51,00 € de trop-perçu rendus" in run_action(operator, order, "rendre-le-trop-percu", **given)
    owed = OrderFactory(current=True, confirmed=True)
    done = run_action(operator, order, "reporter-le-trop-percu", target=owed.pk, amount="199")
    assert f"199,00 € reportés sur la commande n° {owed.pk}" in done
    owed.refresh_from_db()
    assert owed.state == OrderState.PAID
    assert "trop-perçu" not in page_text(operator.get("/admin/"))


def test_a_card_payment_cannot_be_reversed(operator):
    payment = OrderFactory(current=True, paid_by_card=True).payments.get()
    assert operator.get(action_url(payment, "annuler")).status_code == 302
