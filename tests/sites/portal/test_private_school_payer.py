"""« Qui paie ? » of a school typed by hand: nobody knows whether it is private, and its head finds the choice."""

import re

import pytest

from licensing.orders.models import Order
from tests.factories.schools import AffiliationFactory
from tests.guide.scenario import page_text
from tests.sites.portal.shop_buyer import ShopBuyer

pytestmark = pytest.mark.slow

PRIVATE = "Une école privée (OGEC, association) ou une entreprise"
PLACE = {"address": "3 rue des Lilas", "postal_code": "30000", "city": "Nîmes"}


@pytest.fixture
def buyer(db):
    buyer = ShopBuyer()
    buyer.affiliation.delete()
    AffiliationFactory(user=buyer.user, school=None, name="École Sainte-Anne", country="France", **PLACE)
    return buyer


def choose(buyer, order, **typed):
    """Choose a payer, as the radio button does."""
    return buyer.browser.post(buyer.basket(order), buyer.fields(faire="adresse", siren="", **typed))


def values(page, *names) -> dict[str, str]:
    found = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page.content.decode()) for name in names}
    return {name: match[1] if match else "" for name, match in found.items()}


def test_no_payer_is_chosen_for_a_school_of_unknown_sector(buyer):
    page = buyer.browser.get(buyer.basket(buyer.draft()))
    assert not re.search(r'name="payer"[^>]*\bchecked', page.content.decode())
    assert PRIVATE in page_text(page)
    assert values(page, "name", "city") == {"name": "École Sainte-Anne", "city": "Nîmes"}


@pytest.mark.small
def test_a_private_school_of_the_directory_finds_itself_by_its_label(db):
    buyer = ShopBuyer()
    page = page_text(buyer.browser.get(buyer.basket(buyer.draft())))
    assert "L'établissement : école privée (OGEC, association)" in page


def test_the_private_school_typed_by_hand_keeps_its_name_and_place(buyer):
    order = buyer.draft()
    page = choose(buyer, order, payer="company", name="École Sainte-Anne", **PLACE)
    assert values(page, "name", *PLACE) == {"name": "École Sainte-Anne", **PLACE}


def test_what_was_typed_stays_when_another_payer_is_chosen(buyer):
    order = buyer.draft()
    typed = {"name": "OGEC Sainte-Anne", "address": "5 rue Neuve", "postal_code": "30900", "city": "Nîmes"}
    for payer in ("company", "town_hall", "other"):
        page = choose(buyer, order, payer=payer, **typed)
        assert values(page, *typed) == typed
        assert "Ce que vous avez saisi ci-dessous est gardé" in page_text(page)


def test_a_siren_where_a_siret_is_asked_names_the_choice_of_a_private_school(buyer):
    answer = buyer.pays(buyer.draft(), payer="school", siret="732 829 320", siren="")
    assert answer.status_code == 422
    assert f"choisissez plus haut « {PRIVATE} » : son SIREN suffit." in page_text(answer)
    placed = buyer.pays(Order.objects.get(), payer="company", siret="", siren="732 829 320")
    assert placed.status_code == 302
    assert Order.objects.get().siren == "732829320"
