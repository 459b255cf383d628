"""The portal's pages for visitors: each opens, says who we are, and leads on."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories.accounts import PrincipalFactory
from tests.factories.shop import seller

PAGES = ["home", "office_door", "shop", "faq", "contact", "cgv", "credits", "legal", "accessibility"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_in_the_guide_s_header_and_footer(portal, name):
    page = portal.get(reverse(name, urlconf="config.urls_public")).content.decode()
    for words in (
        "Parcours d’entraînement personnalisés",
        "La réussite pour tous",
        "Boutique",
        "FAQ",
        "Contact",
        "Sites du groupe",
        "www.clesdubrevet.com",
        "Crédits",
        "8, rue Férou",
        "Créer un compte",
    ):
        assert words in page
    assert page.count("<h1") == 1


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("shop", "legal")])
def test_a_page_asks_the_database_for_nothing_but_the_session(portal, django_assert_max_num_queries, name):
    with django_assert_max_num_queries(1):
        portal.get(reverse(name, urlconf="config.urls_public"))


def test_a_visitor_signs_in_from_the_top_of_the_home(portal):
    page = portal.get("/").content.decode()
    assert 'action="/connexion/"' in page
    assert "Mot de passe oublié" in page


def test_who_has_signed_in_is_greeted_by_first_name(portal):
    portal.force_login(PrincipalFactory(first_name="Camille"))
    page = portal.get("/faq/").content.decode()
    assert "Bonjour <strong>Camille</strong>" in page
    assert "Accéder à l’application" in page
    assert "Déconnexion" in page


def test_the_door_finds_an_office_whatever_the_accents(portal):
    page = portal.get("/collectivites/", {"q": "nimes ville"}).content.decode()
    assert "Ville de Nîmes" in page
    assert "http://nimes.peps.localhost" in page
    assert "Département du Gard" not in page


@pytest.mark.parametrize("text", ["%", "_", "introuvable", "' OR 1=1 --"])
def test_the_door_says_when_no_office_answers(portal, text):
    answer = portal.get("/collectivites/", {"q": text})
    assert "http://nimes.peps.localhost" not in answer.content.decode()


def test_the_legal_notices_say_who_sells_as_the_terms_of_sale_promise(portal, db):
    assert "Vendeur des licences" not in portal.get("/mentions-legales/").content.decode()
    one = seller()
    one.mediator = "Médiation exemple, 1 rue du Pont, 75001 Paris"
    one.save()
    page = portal.get("/mentions-legales/").content.decode()
    for words in (one.name, one.legal_form, one.rcs, one.vat_number, "123\u00a0456\u00a0782", one.mediator):
        assert words in page
