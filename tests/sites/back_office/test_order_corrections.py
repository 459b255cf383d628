"""The back office's admin actions that correct an order: who pays, its VAT, and its first day."""

import datetime

import pytest
from django.utils import timezone

from core.formatting import long_date
from licensing.books.billing.models import Invoice
from tests.factories.orders import OrderFactory
from tests.factories.shop import sell_next_year
from tests.sites.back_office.pages import order_url, page_text
from tests.sites.back_office.test_orders import action_url, run_action

pytestmark = pytest.mark.slow


def test_a_wrong_name_is_corrected_in_the_back_office_before_the_invoice_is_made_anew(operator):
    order = OrderFactory(current=True, placed=True)
    assert "restent tels quels" in page_text(operator.get(action_url(order, "corriger-le-payeur")))
    typed = operator.get(action_url(order, "corriger-le-payeur")).context["form"].initial
    assert "code postal français" in run_action(operator, order, "corriger-le-payeur", **typed | {"postal_code": "1"})
    run_action(operator, order, "corriger-le-payeur", **typed | {"name": "Commune de Nîmes"})
    run_action(operator, order, "confirmer")
    invoice = Invoice.objects.get()
    assert invoice.snapshot["buyer"]["name"] == "Commune de Nîmes"
    assert operator.get(action_url(order, "corriger-le-payeur")).status_code == 302


@pytest.mark.small
def test_the_page_of_the_vat_says_what_the_address_gives_and_asks_for_the_mention(operator):
    order = OrderFactory(current=True, placed=True)
    assert "TVA : 20 % (France métropolitaine, Corse, Monaco)." in page_text(operator.get(order_url(order)))
    question = page_text(operator.get(action_url(order, "tva")))
    assert "L’adresse de facturation (30000 Nîmes, France) donne : France métropolitaine" in question
    assert "Écrivez la mention" in run_action(operator, order, "tva", treatment="exempt", reason="Attestation reçue.")


def test_vat_is_corrected_from_the_order_s_page_until_it_is_invoiced(operator):
    order = OrderFactory(current=True, placed=True)
    typed = {"treatment": "exempt", "reason": "Attestation reçue."}
    exemption = "Exonération de TVA, article 151 de la directive 2006/112/CE."
    assert "199,00 € HT, 199,00 € TTC" in run_action(operator, order, "tva", **typed, exemption=exemption)
    shown = page_text(operator.get(order_url(order)))
    assert f"TVA : 0 % (Exonération sur justificatif). Mention : « {exemption} »" in shown
    assert "Corrigée à la main. Motif : Attestation reçue." in shown
    run_action(operator, order, "confirmer")
    assert operator.get(action_url(order, "tva")).status_code == 302


def test_an_early_start_says_until_when_the_purchase_order_is_awaited_then(operator):
    this_year = OrderFactory(current=True, confirmed=True).lines.get().school_year
    sell_next_year(this_year, sold_from=timezone.localdate())
    order = OrderFactory(current=True, placed=True)
    question = page_text(operator.get(action_url(order, "commencer")))
    until = long_date(timezone.localdate() + datetime.timedelta(days=45)).replace("\xa0", " ")
    assert f"ne l’est plus que jusqu’au {until}" in question
    run_action(operator, order, "commencer")
    assert f"Droits temporaires jusqu’au {until} inclus" in page_text(operator.get(order_url(order)))
