"""An order for a school typed by hand names it; its purchase order asks of a payer what the invoice carries."""

import pytest

from tests.billing.pdf_text import extract_text
from tests.factories.schools import AffiliationFactory
from tests.guide.scenario import page_text
from tests.sites.portal.shop_buyer import ShopBuyer
from tests.tiers import sampled

SCHOOL = "École Sainte-Anne, 30000 Nîmes"
PUBLIC_FIELDS = ("SIRET de l’organisme qui paie", "Code service", "Numéro d’engagement")


@pytest.fixture
def buyer(db):
    buyer = ShopBuyer()
    buyer.affiliation.delete()
    AffiliationFactory(
        user=buyer.user, school=None, name="École Sainte-Anne", postal_code="30000", city="Nîmes", country="France"
    )
    return buyer


def place(buyer, **payer):
    order = buyer.draft()
    answer = buyer.pays(order, **{"name": "OGEC Sainte-Anne", "siret": "", "siren": ""} | payer)
    assert answer.status_code == 302, page_text(answer)
    return order


def purchase_order(buyer, order) -> str:
    assert buyer.browser.get(f"/boutique/commandes/{order.pk}/bon-de-commande/").status_code == 200
    return " ".join(extract_text(order.documents.get()).replace("\xa0", " ").split())


@pytest.mark.slow
def test_basket_order_list_and_purchase_order_name_the_school(buyer):
    assert f"Pour {SCHOOL}" in page_text(buyer.browser.get(buyer.basket(buyer.draft())))
    order = place(buyer, payer="company", siren="732829320")
    for path in ("/boutique/commandes/", f"/boutique/commandes/{order.pk}/"):
        assert SCHOOL in page_text(buyer.browser.get(path))
    assert f"Pour : {SCHOOL}." in purchase_order(buyer, order)


@pytest.mark.parametrize(
    ("payer", "asked", "not_asked"),
    sampled(
        [
            ({"payer": "company", "siren": "732829320"}, ("SIREN de l’entreprise",), PUBLIC_FIELDS),
            ({"payer": "cooperative"}, (), (*PUBLIC_FIELDS, "SIREN de l’entreprise")),
            ({"payer": "town_hall", "siret": "21300189400012"}, PUBLIC_FIELDS, ("SIREN de l’entreprise",)),
        ],
        fast=1,
    ),
)
def test_the_purchase_order_has_the_lines_of_its_payer_alone(buyer, payer, asked, not_asked):
    text = purchase_order(buyer, place(buyer, **payer))
    assert [one for one in (*PUBLIC_FIELDS, "SIREN de l’entreprise") if one in text] == list(asked)
    assert not [one for one in not_asked if one in text]


@pytest.mark.slow
def test_purchase_order_and_page_say_licences_and_when_to_pay(buyer):
    order = place(buyer, payer="cooperative")
    text = purchase_order(buyer, order)
    assert "(5 licences)" in text
    assert "pour règlement à 30 jours, par chèque, virement ou mandat. N’envoyez pas d’argent avec ce bon." in text
    page = page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/"))
    assert "Elle se règle à 30 jours : le chèque part avec elle, pas avec le bon de commande." in page
