"""The operator opens an office from the back office, reads it under its band, and closes it, in a real browser."""

import re

import pytest
from django_tenants.utils import schema_context
from playwright.sync_api import expect

from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory

#: On a telephone, in pixels.
MAX_BAND_HEIGHT = 96


@pytest.mark.journey
def test_an_office_is_read_under_its_band_and_closed(committing, site):
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    page = visit.open(f"/admin/clients/collectivite/{committing.pk}/")
    page.get_by_role("link", name="Ouvrir le bureau, en lecture seule").click()
    page.get_by_label("Motif").fill("Un appel du référent données, qui ne retrouve plus ses clés")
    page.get_by_role("button", name="Ouvrir le bureau").click()
    page.get_by_role("link", name="Entrer dans le bureau").click()
    expect(page).to_have_url(site.url("/", slug="nimes"))
    band = page.get_by_role("complementary", name="Lecture seule")
    expect(band).to_be_in_viewport()
    page.keyboard.press("End")
    expect(band).to_be_in_viewport()
    page.set_viewport_size({"width": 390, "height": 844})
    box = band.bounding_box()
    assert box is not None
    assert box["height"] <= MAX_BAND_HEIGHT
    # What an anchor leads to is not behind it.
    page.goto(site.url("/reglages/#contenu", slug="nimes"))
    assert page.locator("#contenu").bounding_box()["y"] >= box["height"] - 1
    found = {}
    for path in ("/", "/journal/", "/reglages/api/creer/"):
        page.goto(site.url(path, slug="nimes"))
        expect(band).to_be_visible()
        found[path] = find_problems_at_both_widths(visit)
    assert_no_problems(found)
    band.get_by_role("button", name="Fermer").click()
    expect(page.get_by_role("heading", name="La lecture de ce bureau est finie")).to_be_in_viewport()
    page.get_by_role("link", name="Revenir à sa page de client").click()
    expect(page).to_have_url(re.compile("/admin/clients/collectivite/[0-9]+/$"))
