"""The page of an invoice says who pays, whether they did, and how to file it."""

import datetime

import pytest
from django.utils import timezone

from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.sites.back_office.pages import page_text
from tests.sites.back_office.test_orders import run_action

pytestmark = pytest.mark.slow


def read_page(operator, invoice):
    return page_text(operator.get(f"/admin/billing/invoice/{invoice.pk}/change/")).replace("\u202f", " ")


@pytest.mark.parametrize("days", [0, 60])
def test_it_says_who_pays_and_what_is_owed_and_since_when(operator, days):
    order = OrderFactory(
        current=True, confirmed=True, billing__name="Mairie de Lunel", at=timezone.now() - datetime.timedelta(days=days)
    )
    invoice = order.invoices.get()
    page = read_page(operator, invoice)
    assert "Payeur : Mairie de Lunel (SIRET " in page
    assert "À régler : 199,00 € pour le " in page
    assert (", en retard." in page) == (days == 60)
    assert f'href="/admin/orders/order/{order.pk}/change/"' in page
    actions.pay(order, amount="100", at=timezone.now())
    assert "À régler : 99,00 € (100,00 € reçus) pour le " in read_page(operator, invoice)


def test_it_says_that_it_is_paid_and_leads_to_the_payments(operator):
    order = OrderFactory(current=True, paid=True)
    page = read_page(operator, order.invoices.get())
    assert "Réglée : 199,00 € reçus." in page
    assert "À régler" not in page
    listed = f"/admin/payments/payment/?order__id__exact={order.pk}"
    assert listed in page
    assert operator.get(listed).status_code == 200


def test_it_says_how_to_file_it_until_it_is_filed(operator):
    invoice = OrderFactory(current=True, confirmed=True).invoices.get()
    page = read_page(operator, invoice)
    assert "À déposer sur Chorus Pro : prenez l’archive" in page
    assert ">Factures à déposer</a>" in page
    run_action(operator, invoice, "etat", state="deposited", reason="")
    page = read_page(operator, invoice)
    assert "prenez l’archive" not in page
    assert ">Factures à déposer</a>" not in page


@pytest.mark.small
def test_a_cancelled_invoice_owes_nothing(operator):
    order = OrderFactory(current=True, confirmed=True)
    invoice = order.invoices.get()
    actions.cancel(order)
    page = read_page(operator, invoice)
    assert "Payeur : " in page
    assert "À régler" not in page
