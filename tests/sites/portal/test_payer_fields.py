"""« Qui paie ? »: who is offered, and what is asked: only what the payer's invoice carries."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.orders import order_events
from licensing.orders.models import Order, OrderState
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.guide.scenario import create_browser, page_text
from tests.sites.portal.shop_buyer import ShopBuyer

ECOLE = {"name": "Ecole Jean Jaurès", "type": "Ecole", "sector": "Public", "siret": "21300189400046"}
#: What only the invoice of a public body carries.
REFERENCES = {"siret": "12345678200010", "service_code": "ACHATS", "engagement_number": "EJ-1"}


@pytest.fixture
def buyer(db):
    return ShopBuyer()


def radios(page) -> dict[str, str]:
    """Return each payer offered, with the group of references that it opens."""
    found = re.findall(r'name="payer"[^>]*value="(\w+)"[^>]*data-references="(\w*)"', page.content.decode())
    return dict(found)


@pytest.mark.slow
def test_references_are_asked_of_public_bodies_and_businesses_alone(buyer):
    page = buyer.browser.get(buyer.basket(buyer.draft()))
    assert radios(page) == {
        "town_hall": "public", "school": "business", "cooperative": "", "company": "business", "other": ""
    }  # fmt: skip
    buyer.school.sector = "Public"
    buyer.school.save()
    assert radios(buyer.browser.get(buyer.basket(Order.objects.get())))["school"] == "public"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("payer", "kept"), [("town_hall", REFERENCES), ("cooperative", {}), ("other", {}), ("company", {})]
)
def test_what_was_typed_for_another_payer_is_not_invoiced(buyer, payer, kept):
    order = buyer.ordered(payer=payer, **REFERENCES)
    stored = {name: getattr(order, name) for name in REFERENCES if getattr(order, name)}
    assert stored == kept


@pytest.mark.slow
def test_a_business_gives_its_siret_where_its_siren_is_asked(buyer):
    order = buyer.ordered(payer="company", name="Éditions du Mas", siren="123 456 782 00010")
    assert (order.siret, order.siren) == ("12345678200010", "")
    page = buyer.browser.get(f"/boutique/commandes/{order.pk}/payeur/").content.decode()
    assert re.search(r'name="siren"[^>]*value="12345678200010"', page)


def test_a_public_ecole_is_not_offered_as_payer_and_the_page_says_who_pays_instead(db):
    buyer = ShopBuyer(**ECOLE)
    page = buyer.browser.get(buyer.basket(buyer.draft()))
    assert "school" not in radios(page)
    assert "L'établissement n'est pas proposé. Une école publique n'a pas de personnalité juridique" in page_text(page)
    assert "« La coopérative scolaire » si c'est elle qui paie" in page_text(page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("school", "reason"),
    [(ECOLE, "n'a pas de personnalité juridique"), (None, "Votre établissement n'est pas encore choisi.")],
)
def test_nor_is_it_to_a_teacher_whose_order_is_for_no_school(buyer, school, reason):
    buyer.user = TeacherFactory(first_name="Zoé", last_name="Roche")
    if school:
        AffiliationFactory(user=buyer.user, school=SchoolFactory(**school))
    buyer.browser = create_browser(buyer.user)
    order = buyer.draft(1)
    assert "school" not in radios(buyer.browser.get(buyer.basket(order)))
    answer = buyer.pays(order, payer="school")
    assert answer.status_code == 422
    assert reason in page_text(answer)
    assert Order.objects.get().state == OrderState.DRAFT


@pytest.mark.slow
def test_a_school_typed_by_hand_may_pay_and_gives_its_siret_if_it_has_one(buyer):
    buyer.affiliation.delete()
    AffiliationFactory(user=buyer.user, school=None, name="Lycée français", city="Berlin", country="Allemagne")
    assert radios(buyer.browser.get(buyer.basket(buyer.draft())))["school"] == "public"


@pytest.mark.slow
def test_everything_typed_comes_back_after_an_error(buyer):
    typed = {
        "payer": "town_hall", "name": "Commune d’Uzès", "address": "Mairie", "address_extra": "BP 7",
        "postal_code": "30700", "city": "Uzès", "country": "Belgique", "email": "compta@uzes.example",
        "siret": "1", "service_code": "SCO", "engagement_number": "EJ-9", "siren": "2", "vat_number": "BE0",
    }  # fmt: skip
    page = buyer.pays(buyer.draft(), **typed, terms="on").content.decode()
    shown = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page) for name in typed if name != "payer"}
    assert {name: found and found[1] for name, found in shown.items()} == {
        name: text for name, text in typed.items() if name != "payer"
    }
    for chosen in ("town_hall", "mandate"):
        assert re.search(rf'value="{chosen}"[^>]*\bchecked', page)
    assert re.search(r'name="terms"[^>]*\bchecked', page)
    # What is closed as a rule is open where something stands in it.
    assert '<details class="shop-more" open>' in page


@pytest.mark.slow
@pytest.mark.parametrize("path", ["preparer/", "payeur/"])
def test_another_payer_is_proposed_their_address_on_both_pages(buyer, path):
    order = buyer.draft() if path == "preparer/" else buyer.ordered()
    asked = {"payer": "cooperative", "faire": "adresse", "email": "tresorier@belin.example"}
    page = buyer.browser.post(f"/boutique/commandes/{order.pk}/{path}", buyer.fields(**asked))
    assert "Adresse proposée : Coopérative scolaire, Collège Belin, 75006 Paris." in page_text(page)
    assert 'value="tresorier@belin.example"' in page.content.decode()
    order.refresh_from_db()
    assert order.payer in ("", "school")


@pytest.mark.slow
def test_the_total_follows_the_place_before_anything_is_ordered(buyer):
    order = buyer.draft()
    asked = buyer.fields(faire="total", postal_code="97300", city="Cayenne", name="")
    page = buyer.browser.post(buyer.basket(order), asked)
    assert page.status_code == 200
    assert "TVA 0 % 0,00 €" in page_text(page)
    assert "À corriger" not in page_text(page)
    order.refresh_from_db()
    assert order.total_vat > 0


@pytest.mark.slow
@pytest.mark.parametrize(("school", "queries"), [({}, 10), (ECOLE, 11)])
def test_the_checkout_takes_a_fixed_number_of_queries(db, django_assert_num_queries, school, queries):
    buyer = ShopBuyer(**school)
    order = buyer.draft()
    for _ in range(2):
        with django_assert_num_queries(queries):
            buyer.browser.get(buyer.basket(order))
        AffiliationFactory(user=buyer.user)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("payer", "signer"),
    [
        ({"payer": "town_hall", "name": "Commune de Nîmes"}, "À faire signer et tamponner par : Commune de Nîmes"),
        ({"payer": "other", "name": "Camille Vidal"}, None),
    ],
)
def test_an_order_s_page_says_who_signs_and_who_ordered(db, payer, signer):
    buyer = ShopBuyer(**ECOLE)
    order = buyer.ordered(**payer)
    page = page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/"))
    assert (f"{signer} (qui paie)." in page) if signer else ("À faire signer" not in page)
    # Nobody but who signs owes anything: the page says so, and what becomes of the rights.
    unsigned = "Commune de Nîmes ne signe pas ? Rien n'est dû sans sa signature : écrivez-nous pour annuler la commande"
    assert (unsigned in page, "les droits temporaires s'arrêtent après le" in page) == (bool(signer), bool(signer))
    school = f"École Jean Jaurès ({buyer.school.commune})"
    assert f"Commande passée par Camille Vidal {school} {buyer.user.email} Facturé à (qui paie)" in page


@pytest.mark.slow
def test_an_order_s_page_takes_as_many_queries_whatever_happened(db, django_assert_num_queries):
    buyer = ShopBuyer(**ECOLE)
    order = buyer.ordered(payer="town_hall", name="Commune de Nîmes", siret="21300189400012")
    with CaptureQueriesContext(connection) as once:
        buyer.browser.get(f"/boutique/commandes/{order.pk}/")
    for _ in range(3):
        order_events.record(order, "completed", "informations complétées.", by=buyer.user, at=timezone.now())
    with django_assert_num_queries(len(once)):
        buyer.browser.get(f"/boutique/commandes/{order.pk}/")
    assert len(once) <= 18
