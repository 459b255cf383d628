"""The help opened from an office leads back to it, and to no other address; each role has its place in the guides."""

import re

import pytest

from collectivities.capabilities import Role
from sites.help.guides import GUIDES
from tests.factories.collectivities import MemberFactory
from tests.html import collapse
from tests.tiers import sampled

OFFICE = "http://nimes.peps.localhost/"
LINK = f'<a class="btn btn-outline-primary btn-sm" href="{OFFICE}">Retour au bureau de Nîmes</a>'


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    return collapse(answer.content.decode())


@pytest.fixture(params=["/aide/", "/aide/referent-donnees/", "/faq/", "/faq/?q=export"])
def path(request):
    return request.param


def test_opened_from_an_office_the_help_leads_back_and_offers_no_sign_in(
    path, portal, nimes, django_assert_num_queries
):
    # One for the office, after that which chooses the schema.
    with django_assert_num_queries(2):
        page = read(portal, f"{path}{'&' if '?' in path else '?'}bureau=nimes")
    header = page[: page.index("<main")]
    assert LINK in header
    assert "{#" not in page
    assert "Connexion" not in header
    assert "Créer un compte" not in header
    # On a telephone: in the menu, and at the head of the page.
    assert header.count(f'href="{OFFICE}"') == 2
    assert f'<p class="help-way-back"><a href="{OFFICE}">' in page


def test_the_pages_of_the_help_pass_the_way_back_on(path, portal, nimes):
    page = read(portal, f"{path}{'&' if '?' in path else '?'}bureau=nimes")
    main = page[page.index("<main") : page.index("</main>")]
    pages = re.findall(r'href="(/(?:aide|faq)/[^"]*)"', main)
    assert pages
    assert [one for one in pages if not one.endswith(".pdf") and "?bureau=nimes" not in one] == []
    assert "search" not in main or '<input type="hidden" name="bureau" value="nimes">' in main


@pytest.mark.parametrize(
    "origin",
    [
        "inconnu",
        "",
        "https://exemple.example/",
        "//exemple.example",
        "nimes.exemple.example",
        "nimes/",
        "NIMES",
        "a" * 41,
    ],
)
def test_no_other_address_is_led_back_to(path, portal, nimes, origin):
    answer = portal.get(path.partition("?")[0], {"bureau": origin})
    assert answer.status_code == 200
    page = answer.content.decode()
    header = page[: page.index("<main")]
    assert "Retour au bureau" not in page
    assert "Connexion" in header
    assert "exemple.example" not in page


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Ville d’Alès", "Retour au bureau d’Alès"),
        ("Commune du Vigan", "Retour au bureau du Vigan"),
        ("Département du Gard", "Retour au bureau (Département du Gard)"),
        ("<Ville> de", "Retour au bureau (&lt;Ville&gt; de)"),
    ],
)
def test_the_link_names_the_office(portal, nimes, name, label):
    nimes.name = name
    nimes.save()
    assert f">{label}</a>" in read(portal, "/aide/?bureau=nimes")


def test_from_an_office_the_guides_of_offices_come_first(portal, nimes):
    page = read(portal, "/aide/?bureau=nimes")
    assert re.findall(r'href="/aide/([a-z-]+)/', page)[:2] == ["collectivite", "referent-donnees"]
    assert page.index("Pour vous") < page.index("/aide/collectivite/")


@pytest.mark.parametrize(
    ("roles", "path", "place"),
    sampled(
        [
            ([Role.VIEWER], "/", "collectivite/?bureau=nimes#si-vous-etes-lecteur"),
            ([Role.VIEWER], "/ecoles/", "collectivite/?bureau=nimes#si-vous-etes-lecteur"),
            ([Role.VIEWER], "/journal/", "collectivite/?bureau=nimes#le-journal"),
            ([Role.DATA_OFFICER], "/", "referent-donnees/?bureau=nimes#les-ecoles-sans-licence"),
            ([Role.DATA_OFFICER], "/attributions/", "referent-donnees/?bureau=nimes#les-cles-non-activees"),
            ([Role.DATA_OFFICER], "/lots/", "collectivite/?bureau=nimes#ou-en-sont-vos-licences"),
            ([Role.MANAGER], "/", "collectivite/?bureau=nimes#ou-en-sont-vos-licences"),
            ([Role.DATA_OFFICER, Role.MANAGER], "/", "collectivite/?bureau=nimes#ou-en-sont-vos-licences"),
        ],
        fast=2,
    ),
)
def test_the_place_is_the_one_of_the_role(office, nimes, roles, path, place):
    page = read(office("nimes", MemberFactory(roles=roles).user), path)
    assert re.search(r'<a class="help-link" href="([^"]+)"', page)[1] == f"http://peps.localhost/aide/{place}"
    assert 'href="http://peps.localhost/faq/?bureau=nimes"' in page


def test_only_the_operator_s_guide_has_commands():
    assert [guide.slug for guide in GUIDES if "manage.py" in guide.read()] == ["exploitant"]
