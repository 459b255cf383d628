"""The identity on the main pages, at both widths: one filled button, no small text, one bar, little to load.

`make pictures` keeps what the pages look like, for docs/images.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.face_checks import MAX_TRANSFER, find_faults_of_identity, keep_pictures, measure_transfer
from tests.e2e.page_checks import at_widths
from tests.e2e.site import WIDTHS


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("accueil", "/"),
        ("connexion", "/connexion/"),
        ("inscription", "/inscription/"),
        ("boutique", "/boutique/"),
        ("page-introuvable", "/nulle-part/"),
        ("composants", "/composants/"),
    ],
)
def test_a_visitor_s_page_has_the_identity_and_loads_little(committing, site, name, path):
    visit = site.person()
    transfer, parts = measure_transfer(visit, path)
    assert transfer <= MAX_TRANSFER, parts
    assert at_widths(visit.page, find_faults_of_identity, *WIDTHS) == []
    keep_pictures(visit, name)


@pytest.mark.parametrize("width", [360, 390, 414, 800])
def test_the_menu_of_a_small_screen_opens_over_its_whole_width(committing, site, width):
    visit = site.person(scripts=False)
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open("/")
    page.get_by_text("Menu", exact=True).click()
    menu = page.locator(".burger-menu")
    expect(menu).to_be_visible()
    box = menu.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, width)
    for entry in ("Connexion", "Créer un compte", "Boutique", "FAQ", "Contact"):
        expect(menu.get_by_role("link", name=entry)).to_be_visible()
