"""The portal's public pages."""

import pytest
from django.urls import reverse

from tests.factories.accounts import PrincipalFactory
from tests.factories.shop import get_seller, open_shop

HOME_QUERIES = 6
PAGES = ["home", "office_search", "shop", "faq", "contact", "terms_of_sale", "credits", "legal", "accessibility"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_header_and_footer(portal, name):
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
def test_a_page_queries_the_session_only(portal, django_assert_max_num_queries, name):
    # The home page says what is exercised, in the operator's words, and the price of a class.
    with django_assert_max_num_queries(HOME_QUERIES if name == "home" else 1):
        portal.get(reverse(name, urlconf="config.urls_public"))


def test_the_home_page_says_what_a_class_costs_while_it_is_on_sale(portal, db, django_assert_max_num_queries):
    assert "TTC" not in portal.get("/").content.decode()
    open_shop()
    with django_assert_max_num_queries(HOME_QUERIES):
        page = portal.get("/").content.decode()
    assert "À partir de 49,00\xa0€ TTC</strong> pour une classe." in page


def test_families_read_that_they_have_nothing_to_buy(portal, db):
    assert "Les familles n’ont rien à acheter" in portal.get("/boutique/").content.decode()
    assert '<option value="parent">Parent d’élève</option>' in portal.get("/contact/").content.decode()


def test_the_legal_notices_say_what_is_kept_of_a_pupil_and_until_when(portal, db, settings):
    settings.PUPILS_KEPT_DAYS = 47
    page = portal.get("/mentions-legales/").content.decode()
    pupils = page.partition('<h3 id="donnees-des-eleves">')[2].partition("<h2")[0]
    for words in (
        "Aucun nom ni prénom",
        "l’identifiant de son compte",
        "sa classe",
        "dernière connexion",
        "47\xa0jours",
    ):
        assert words in pupils
    assert 'href="/mentions-legales/#donnees-personnelles"' in page
    assert 'id="donnees-personnelles"' in page


def test_the_journey_says_who_else_buys_and_reads_for_who_has_no_account(portal):
    journey = portal.get("/").content.decode().partition('<ol class="journey">')[2].partition("</ol>")[0]
    assert "Une école, ou un enseignant, peut aussi acheter." in journey
    assert "qu’elle crée alors si elle n’en a pas" in journey


def test_a_visitor_signs_in_from_the_top_of_the_home(portal):
    page = portal.get("/").content.decode()
    assert 'action="/connexion/"' in page
    assert "Mot de passe oublié" in page


def test_a_signed_in_user_is_greeted_by_first_name(portal):
    portal.force_login(PrincipalFactory(first_name="Camille"))
    page = portal.get("/faq/").content.decode()
    assert "Bonjour <strong>Camille</strong>" in page
    assert "Accéder à l’application" in page
    assert "Déconnexion" in page


def test_the_office_finder_ignores_accents(portal):
    page = portal.get("/collectivites/", {"q": "nimes ville"}).content.decode()
    assert "Ville de Nîmes" in page
    assert "http://nimes.peps.localhost" in page
    assert "Département du Gard" not in page


@pytest.mark.parametrize("text", ["%", "_", "introuvable", "' OR 1=1 --"])
def test_the_office_finder_says_when_nothing_is_found(portal, text):
    answer = portal.get("/collectivites/", {"q": text})
    assert "http://nimes.peps.localhost" not in answer.content.decode()


def test_the_legal_notices_name_the_seller(portal, db):
    assert "Vendeur des licences" not in portal.get("/mentions-legales/").content.decode()
    one = get_seller()
    one.mediator = "Médiation exemple, 1 rue du Pont, 75001 Paris"
    one.save()
    page = portal.get("/mentions-legales/").content.decode()
    assert "Hébergement" not in page
    assert "Direction de la publication" not in page
    one.host, one.publication_director = "Nuage, 2 rue du Pont, 75001 Paris, 01 02 03 04 05", "Camille Durand"
    one.save()
    page = portal.get("/mentions-legales/").content.decode()
    assert "Direction de la publication&nbsp;: Camille Durand." in page
    assert f"<p>{one.host}.</p>" in page
    for words in (one.name, one.legal_form, one.rcs, one.vat_number, "123\u00a0456\u00a0782", one.mediator):
        assert words in page
