"""The back office's admin actions on the platform status of an invoice."""

import pytest

from tests.factories.orders import OrderFactory
from tests.sites.back_office.pages import page_text
from tests.sites.back_office.test_orders import action_url, run_action


def test_a_status_typed_on_the_wrong_invoice_is_taken_back(operator):
    invoice = OrderFactory(current=True, confirmed=True).invoices.current().get()
    assert operator.get(action_url(invoice, "reprendre")).status_code == 302
    run_action(operator, invoice, "etat", state="deposited", reason="")
    run_action(operator, invoice, "etat", state="rejected", reason="Nom inconnu.")
    assert "revient à celui d’avant" in page_text(operator.get(action_url(invoice, "reprendre")))
    page = run_action(operator, invoice, "reprendre", reason="C'était la ligne d'à côté.")
    assert "déposée" in page
    assert "« Rejetée par la plateforme » repris" in page
    assert operator.get(action_url(invoice, "refaire")).status_code == 302
    assert "obligatoire" in page_text(operator.get(action_url(invoice, "etat")))
    assert "Recopiez le motif" in run_action(operator, invoice, "etat", state="suspended", reason="")


@pytest.mark.slow
def test_an_invoice_in_dispute_waits_for_an_answer_until_it_is_settled(operator):
    """A dispute says why; settled, the invoice goes on, and no longer stands on the home page."""
    invoice, other = (OrderFactory(current=True, confirmed=True).invoices.current().get() for _ in range(2))
    assert "Recopiez le motif" in run_action(operator, invoice, "etat", state="disputed", reason="")
    run_action(operator, invoice, "etat", state="disputed", reason="Taux de TVA erroné.")
    assert "1 facture en litige : lisez pourquoi" in page_text(operator.get("/admin/"))
    listed = page_text(operator.get("/admin/billing/invoice/?attend=litiges"))
    assert str(invoice) in listed
    assert str(other) not in listed
    assert operator.get(action_url(invoice, "refaire")).status_code == 302
    assert "approuvée" in run_action(operator, invoice, "etat", state="approved", reason="")
    assert "facture en litige" not in page_text(operator.get("/admin/"))
