"""Log lines about refused requests hold no token of a link."""

import logging

import pytest
from django.test import Client

from core.links import derive_token

TOKEN = derive_token("nonce", salt="test")


@pytest.mark.parametrize("path", ["/direction/{}/", "/mot-de-passe/nouveau/1-{}", "/rien/{}", "/rien/{}?a=b"])
def test_a_refused_link_is_logged_without_its_token(portal, caplog, path):
    answer = portal.get(path.format(f"{TOKEN}."))
    assert answer.status_code in (200, 301, 404, 410)
    portal.get(f"/rien/{TOKEN}")
    assert "Not Found: /rien/[…]" in caplog.text
    assert TOKEN not in caplog.text


def test_a_form_without_csrf_token_is_logged_without_the_links_token(db, caplog):
    browser = Client(HTTP_HOST="peps.localhost", enforce_csrf_checks=True)
    assert browser.post(f"/mot-de-passe/nouveau/1-{TOKEN}/").status_code == 403
    assert [record.name for record in caplog.records if record.levelno == logging.WARNING] == ["django.security.csrf"]
    assert TOKEN not in caplog.text


def test_paths_without_a_token_stay_as_they_are(portal, caplog):
    portal.get("/mentions-legales/rien/0300001A/")
    assert "Not Found: /mentions-legales/rien/0300001A/" in caplog.text
