"""The school search endpoint: public at the portal, for members at an office."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory

SEARCH = "/etablissements/recherche/"
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("urlconf", ["config.urls_public", "config.urls_tenant"])
def test_the_url_name_is_the_same_at_both_hosts(urlconf):
    assert reverse("school_search", urlconf=urlconf) == SEARCH


def test_a_visitor_finds_their_school(portal):
    school = SchoolFactory(name="École Zola", address="1 rue des Pins")
    answer = portal.get(SEARCH, {"q": "zola"}).json()
    assert answer == {
        "query": "zola",
        "results": [
            {
                "uai": school.uai,
                "name": "École Zola",
                "type": "Ecole",
                "address": "1 rue des Pins",
                "postal_code": "30000",
                "commune": "Nîmes",
                "state": "open",
            }
        ],
        "more": False,
    }


@pytest.mark.parametrize("text", ["", "z", " z "])
def test_one_character_is_too_few(portal, text, django_assert_num_queries):
    SchoolFactory(name="École Zola")
    with django_assert_num_queries(0):
        assert portal.get(SEARCH, {"q": text}).json()["results"] == []


def test_twenty_at_most(portal):
    SchoolFactory.create_batch(25)
    answer = portal.get(SEARCH, {"q": "ecole"}).json()
    assert (len(answer["results"]), answer["more"]) == (20, True)


def test_htmx_gets_radio_buttons(portal):
    school = SchoolFactory(name="École <Zola>", state="open")
    page = portal.get(SEARCH, {"q": "zola", "field": "ecole"}, headers=HTMX).content.decode()
    assert f'type="radio" name="ecole" value="{school.uai}"' in page
    assert "École &lt;Zola&gt;" in page
    assert school.email not in page
    assert "<html" not in page


def test_htmx_gets_an_empty_result_message(portal):
    assert "Aucun établissement" in portal.get(SEARCH, {"q": "xyzzyq"}, headers=HTMX).content.decode()
    assert portal.get(SEARCH, {"q": "x"}, headers=HTMX).content.decode().strip() == ""


def test_an_office_answers_its_members(nimes, office):
    SchoolFactory(name="École Zola")
    member = MemberFactory().user
    assert len(office("nimes", member).get(SEARCH, {"q": "zola"}).json()["results"]) == 1
    assert office("gard", member).get(SEARCH, {"q": "zola"}).status_code == 404
    assert office("nimes", UserFactory()).get(SEARCH, {"q": "zola"}).status_code == 404
    assert office("nimes").get(SEARCH, {"q": "zola"}).status_code == 302


def test_a_search_writes_nothing(portal):
    assert portal.post(SEARCH, {"q": "zola"}).status_code in (403, 405)
