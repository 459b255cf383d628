"""Partial credit notes in the back office: from the order's page, and after a refund in the provider's dashboard."""

from decimal import Decimal

import pytest
from django.utils import timezone

from licensing.orders.models import OrderState
from licensing.payments import operations as payment_operations
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.sites.back_office.pages import order_url, page_text
from tests.sites.back_office.test_orders import action_url, run_action

pytestmark = pytest.mark.slow


def test_the_page_says_how_many_licences_can_be_taken_back(operator):
    order = OrderFactory(current=True, paid=True)
    question = page_text(operator.get(action_url(order, "avoir-partiel")))
    assert "Sur 5 licences, 4 au plus peuvent être reprises" in question
    assert "Une licence vaut 39,80 € TTC" in question
    refused = run_action(operator, order, "avoir-partiel", licences="5", reason="Classe fermée")
    assert "reprenez-en moins, ou annulez-la" in refused
    assert "Indiquez les licences" in run_action(operator, order, "avoir-partiel", reason="Classe fermée")


def test_licences_are_taken_back_from_the_order_s_page(operator):
    order = OrderFactory(current=True, paid=True)
    done = run_action(operator, order, "avoir-partiel", licences="1", reason="Classe fermée")
    note = order.invoices.get(kind="credit_note")
    assert f"Avoir {note} établi : 39,80 €" in done
    page = page_text(operator.get(order_url(order)))
    assert "Réglée : 199,00 € reçus, pour 159,20 € dus (199,00 € moins 39,80 € d’avoir). Trop-perçu : 39,80 €" in page
    invoice = page_text(operator.get(f"/admin/billing/invoice/{note.corrects_id}/change/"))
    assert f"Reprise en partie par l’avoir {note}, de 39,80 €" in invoice
    assert "Avoir partiel" in page_text(operator.get(f"/admin/billing/invoice/{note.pk}/change/"))


def test_a_price_is_reduced_by_an_amount_typed_with_a_comma(operator):
    order = OrderFactory(current=True, confirmed=True)
    run_action(operator, order, "avoir-partiel", amount="12,50", reason="Interruption de trois jours")
    assert "186,50 € à régler (199,00 € moins 12,50 € d’avoir)" in page_text(operator.get(order_url(order)))
    # Cancelled, the rest is credited.
    assert "pour ce qu’il en reste" in page_text(operator.get(action_url(order, "annuler")))


def refund_in_part():
    """Return an order of which 50 € were given back in the provider's dashboard."""
    order = OrderFactory(current=True, paid_by_card=True)
    payment_operations.record_provider_refund(
        payment_id=order.payments.get().pk, amount=Decimal(50), reference="re_1", at=timezone.now()
    )
    return order


def test_a_part_refunded_at_the_provider_waits_for_a_credit_note(operator):
    credited = refund_in_part()
    page = page_text(operator.get(order_url(credited)))
    assert "149,00 € restent reçus sur 199,00 € dus. Établissez l’avoir de 50,00 €" in page
    assert "Établir un avoir partiel" not in page
    question = operator.get(action_url(credited, "etablir-l-avoir"))
    assert "50,00 € ont été rendus sur la carte, chez le prestataire" in page_text(question)
    form = question.context["form"]
    run_action(operator, credited, "etablir-l-avoir", **form.initial)
    assert credited.invoices.get(kind="credit_note").total_ttc == 50
    assert "remboursées en partie" not in page_text(operator.get("/admin/"))


def test_a_part_refunded_at_the_provider_is_owed_again(operator):
    refund_in_part()
    owed = refund_in_part()
    assert "2 commandes remboursées en partie chez le prestataire" in page_text(operator.get("/admin/"))
    assert "50,00 € sont de nouveau à régler" in run_action(operator, owed, "reste-du")
    owed.refresh_from_db()
    assert owed.state == OrderState.CONFIRMED
    assert "1 commande remboursée en partie" in page_text(operator.get("/admin/"))
    assert operator.get(action_url(owed, "reste-du")).status_code == 302


@pytest.mark.small
def test_a_card_that_paid_twice_gives_back_what_the_order_can_spare(operator):
    order = OrderFactory(current=True, paid_by_card=True)
    actions.settle_by_card(order, at=timezone.now())
    payment = order.payments.order_by("pk")[0]
    assert "199,00 € sont rendus sur la carte" in page_text(operator.get(action_url(payment, "rembourser-la-carte")))
    assert "Remboursement de 199,00 €" in run_action(operator, payment, "rembourser-la-carte")
