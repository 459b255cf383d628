"""Error pages: in the layout of their host, in French, with a next step."""

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.factories.accounts import UserFactory
from tests.host_client import HostClient


def test_a_page_that_does_not_exist_at_the_portal(portal):
    answer = portal.get("/nulle-part/")
    assert answer.status_code == 404
    assert "Cette page n’existe pas" in answer.content.decode()
    assert "Sites du groupe" in answer.content.decode()


def test_a_non_member_at_an_office_sees_which_account_is_signed_in(office):
    answer = office("nimes", UserFactory(username="passant")).get("/")
    assert answer.status_code == 404
    assert "passant" in answer.content.decode()
    assert "demandez une invitation" in answer.content.decode()


def test_an_office_that_was_never_opened(db):
    answer = HostClient("nulle-ville.peps.localhost").get("/")
    assert answer.status_code == 404
    assert "Aucun bureau n’est ouvert à cette adresse" in answer.content.decode()


def test_a_missing_csrf_token_is_refused_in_french(db):
    browser = Client(enforce_csrf_checks=True, HTTP_HOST="peps.localhost")
    answer = browser.post("/connexion/", {"login": "x", "password": "y"})
    assert answer.status_code == 403
    assert "Votre envoi n’a pas été pris en compte" in answer.content.decode()


@pytest.mark.parametrize(
    ("template", "words"),
    [("500.html", "Une panne nous empêche de répondre"), ("503.html", "momentanément indisponible")],
)
def test_the_page_of_a_failure_needs_neither_request_nor_database(template, words):
    page = render_to_string(template)
    assert words in page
    assert 'class="brand"' in page


def test_a_malformed_request_gets_a_page(rf):
    assert "n’a pas été comprise" in render_to_string("400.html")
