"""What the buyer of an order credited in part reads of it, at the portal and at an office."""

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from collectivities.capabilities import Role
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions

pytestmark = pytest.mark.django_db


def read(browser, path):
    text = browser.get(path).content.decode()
    return " ".join(text.replace("\xa0", " ").replace("&nbsp;", " ").replace("<strong>", "").split())


def test_a_school_reads_how_many_licences_are_left_and_what_is_to_be_paid(portal):
    order = OrderFactory(current=True, confirmed=True)
    note = actions.credit(order, licences=2, at=timezone.now())
    portal.force_login(order.placed_by)
    page = read(portal, f"/boutique/commandes/{order.pk}/")
    assert "3 licences" in page
    assert "sur 199,00 € TTC, 79,60 € sont repris par avoir ; il reste 119,40 €" in page
    assert "Des avoirs reprennent 79,60 € : la commande est de 119,40 € TTC" in page
    assert f"Avoir {note}" in page
    # Cards pay whole orders.
    assert "par carte bancaire" not in page
    actions.pay(order, amount="19.40", at=timezone.now())
    page = read(portal, f"/boutique/commandes/{order.pk}/")
    assert "79,60 € sont repris par avoir et 19,40 € reçus ; il reste 100,00 €" in page
    assert '<td data-label="Licences">3</td>' in read(portal, "/boutique/commandes/")


@pytest.mark.slow
def test_a_buyer_reads_what_was_paid_in_excess(portal, office, nimes):
    sentence = "sont payés en trop : ils vous sont rendus, ou servent à régler une autre commande du même payeur."
    buyer = MemberFactory(roles=[Role.BUYER]).user
    purchase = PurchaseFactory(current=True, units=20, paid=True, by=buyer)
    assert "en trop" not in read(office("nimes", buyer), f"/achats/{purchase.pk}/")
    note = actions.credit(purchase, licences=5, at=timezone.now())
    assert f"{int(note.total_ttc)},00 € {sentence}" in read(office("nimes", buyer), f"/achats/{purchase.pk}/")
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True)
        actions.credit(order, licences=2, at=timezone.now())
    portal.force_login(order.placed_by)
    assert f"79,60 € {sentence}" in read(portal, f"/boutique/commandes/{order.pk}/")


@pytest.mark.slow
def test_an_office_reads_its_credit_note_and_what_is_left_to_pay(office, nimes):
    buyer = MemberFactory(roles=[Role.BUYER]).user
    order = PurchaseFactory(current=True, units=20, confirmed=True, by=buyer)
    note = actions.credit(order, licences=5, at=timezone.now())
    browser = office("nimes", buyer)
    page = read(browser, f"/achats/{order.pk}/")
    invoice = note.corrects
    assert f"À régler : {int(order.owed)},00 €" in page
    assert f"sur la facture {invoice}" in page
    assert "Télécharger la facture" in page
    assert ">15<" in read(browser, "/achats/")
    with schema_context("public"):
        actions.cancel(order, at=timezone.now())
        last = order.invoices.latest("pk")
    assert f"annule la facture {invoice}" in read(browser, f"/achats/{order.pk}/")
    assert last.total_ttc == order.owed
