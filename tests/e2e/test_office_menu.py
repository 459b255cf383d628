"""The office's menu in a browser: on the screen at every width, by mouse, by keyboard, without scripts."""

import pytest
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders import operations as orders
from tests.conftest import TERM
from tests.e2e.page_checks import find_overflow, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory

SECTIONS = ("Accueil", "Écoles", "Distribuer", "Achats", "Suivi")
OFFICE_PAGES = ("Membres", "Réglages", "API", "Webhooks", "Mes e-mails", "Sécurité du compte")
#: From this width on the menu is a row.
WIDE = 992


@pytest.fixture
def open_office(committing, site):
    """Opens the tab of a member with every role, at a page of an office whose name is long."""
    with tenant_context(committing):
        user = MemberFactory(roles=list(Role)).user
        orders.grant(collectivity=committing, licences=20, reason="Essai", by=None, at=TERM)
        PortfolioSchoolFactory()

    def open_tab(path="/distribuer/", **person):
        visit = open_signed_in(site, "nimes.peps.localhost", user, slug="nimes", **person)
        visit.open(path, slug="nimes")
        return visit

    return open_tab


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_menu_is_on_the_screen_at_every_width(open_office, scripts):
    page = open_office(scripts=scripts).page
    for width in (320, 360, 390, 414, 480, 600, 768, 900, 991, WIDE, 1100, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        if width < WIDE:
            page.get_by_text("Menu", exact=True).click()
            menu = page.locator(".burger-menu")
            box = menu.bounding_box()
            assert box is not None
            assert (box["x"], box["width"]) == (0, width)
            entries = [menu.get_by_role("link", name=name, exact=True) for name in (*SECTIONS, *OFFICE_PAGES)]
        else:
            page.locator(".office-pages summary").click()
            row = page.get_by_role("navigation", name="Pages du bureau")
            apart = page.get_by_role("navigation", name="Bureau", exact=True)
            entries = [row.get_by_role("link", name=name, exact=True) for name in SECTIONS]
            entries += [apart.get_by_role("link", name=name, exact=True) for name in OFFICE_PAGES]
        for entry in entries:
            expect(entry).to_be_visible()
            box = entry.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        assert find_overflow(page) == []
        bar = page.locator(".bar-row").bounding_box()
        assert bar is not None
        assert width >= 768 or bar["height"] == 56


@pytest.mark.parametrize("width", [390, 414, 768, 900, WIDE, 1100, 1280, 1440])
def test_the_menu_stays_on_the_screen_with_text_of_twice_the_size(open_office, width):
    page = open_office().page
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    if width < WIDE:
        page.get_by_text("Menu", exact=True).click()
        entries = page.locator(".burger-menu").get_by_role("link")
    else:
        page.locator(".office-pages summary").click()
        entries = page.locator("header nav:visible").get_by_role("link")
    expect(entries.filter(has_text="Sécurité du compte")).to_be_visible()
    for entry in entries.all():
        box = entry.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert find_overflow(page) == []


def test_escape_closes_the_office_s_pages_and_the_keyboard_opens_them(open_office):
    page = open_office().page
    summary = page.locator(".office-pages summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Membres", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Membres", exact=True)).to_be_hidden()
    expect(summary).to_be_focused()


@pytest.mark.parametrize("path", ["/distribuer/", "/lots/", "/journal/"])
def test_pages_with_tabs_have_no_problem(open_office, path):
    visit = open_office(path)
    assert find_problems_at_both_widths(visit) == []
