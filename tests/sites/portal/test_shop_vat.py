"""VAT in the checkout of the shop: the address in the form decides it, before anything is ordered."""

from decimal import Decimal

import pytest

from licensing.orders.models import OrderState
from tests.guide.scenario import page_text
from tests.sites.portal.shop_buyer import ShopBuyer
from tests.tiers import sampled

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer(db):
    return ShopBuyer()


@pytest.mark.slow
def test_an_address_that_changes_vat_is_answered_by_the_new_total(buyer):
    order = buyer.draft()
    asked = buyer.pays(order, postal_code="97300", city="Cayenne")
    page = page_text(asked)
    order.refresh_from_db()
    assert (asked.status_code, order.state) == (409, OrderState.DRAFT)
    assert "La TVA dépend de l'adresse de facturation" in page.replace("’", "'")
    # The sum beside the form has the VAT of the address in it.
    assert "TVA 0 % 0,00 €" in page
    assert "TVA non applicable, article 294 du CGI." in page
    shown = asked.context["basket_fingerprint"]
    assert buyer.pays(order, postal_code="97300", city="Cayenne", panier=shown).status_code == 302
    order.refresh_from_db()
    assert (order.state, order.total_vat, order.total_ttc) == (OrderState.PLACED, 0, Decimal("199.00"))


@pytest.mark.parametrize(
    ("changed", "message"),
    sampled(
        [
            ({"postal_code": "97110", "country": "Belgique"}, "n'est pas un code postal de ce pays (Belgique)"),
            (
                {"postal_code": "1000", "country": "Belgique", "vat_number": "BE1"},
                "n'est pas un numéro de TVA de ce pays",
            ),
        ],
        fast=1,
    ),
)
def test_a_place_that_contradicts_itself_is_refused_beside_its_field(buyer, changed, message):
    order = buyer.draft()
    answer = buyer.pays(order, **changed)
    assert answer.status_code == 422
    assert message in page_text(answer).replace("’", "'")


@pytest.mark.slow
def test_a_school_abroad_orders(buyer):
    order = buyer.draft()
    place = {"postal_code": "1201", "city": "Genève", "country": "Suisse"}
    shown = buyer.pays(order, **place).context["basket_fingerprint"]
    assert buyer.pays(order, **place, panier=shown).status_code == 302
    assert order.lines.get().vat_category == "G"
