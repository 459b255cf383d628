"""The curve and the map of the office's home page in a browser."""

import io
import re
from itertools import pairwise

import pypdf
import pytest
from django.core.management import call_command
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from licensing.orders import operations as orders
from tests.e2e.page_checks import find_overflow, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.html import collapse
from tests.sites.office.term_history import make_outline, spend_weeks, write_geojson


@pytest.fixture
def viewer(committing, tmp_path):
    """A viewer of an office with sixty weeks of history, whose commune's outline is loaded."""
    file = write_geojson(tmp_path / "communes.geojson", ({"code": "30189", "nom": "Nîmes"}, make_outline()))
    call_command("load_outlines", str(file), stdout=io.StringIO())
    with tenant_context(committing):
        spend_weeks(committing)
        user = UserFactory(first_name="Camille")
        MemberFactory(user=user, roles=[Role.VIEWER])
    return user


def test_curve_and_map_are_accessible_and_fit_at_large_text(viewer, site):
    visit = open_signed_in(site, "nimes.peps.localhost", viewer, slug="nimes")
    page = visit.open("/", slug="nimes")
    expect(page.locator("[data-map]")).to_be_visible()
    assert find_problems_at_both_widths(visit) == []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert find_overflow(page) == []
        page.evaluate("document.documentElement.style.fontSize = ''")
    page.get_by_text("Les mêmes chiffres en tableau").click()
    assert find_problems_at_both_widths(visit) == []


def test_the_keyboard_reads_each_school_and_may_pass_the_map_over(viewer, site):
    visit = open_signed_in(site, "nimes.peps.localhost", viewer, slug="nimes")
    page = visit.open("/", slug="nimes")
    name = page.locator("[data-map-name]")
    expect(name).to_have_text("Passez sur un point pour lire le nom de l’école.")
    page.get_by_role("link", name="Passer la carte").focus()
    expect(page.get_by_role("link", name="Passer la carte")).to_be_in_viewport()
    page.keyboard.press("Tab")
    words = page.evaluate("document.activeElement.getAttribute('aria-label')")
    expect(name).to_have_text(words)
    page.keyboard.press("Shift+Tab")
    expect(name).to_have_text("Passez sur un point pour lire le nom de l’école.")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("[data-map] a:focus")).to_have_count(0)
    school = page.locator("[data-map] a[href^='/ecoles/']").first
    school.hover()
    expect(name).to_have_text(school.get_attribute("aria-label"))
    school.click()
    expect(page).to_have_url(re.compile("/ecoles/[0-9]{7}[A-Z]/$"))


@pytest.mark.parametrize("weeks", [9, 60])
def test_the_home_page_of_a_full_office_prints_on_one_page(committing, site, tmp_path, weeks):
    file = write_geojson(tmp_path / "communes.geojson", ({"code": "30189", "nom": "Nîmes"}, make_outline()))
    call_command("load_outlines", str(file), stdout=io.StringIO())
    with tenant_context(committing):
        spend_weeks(committing, schools=138, weeks=weeks)
        for number in range(2, 9):
            orders.grant(
                collectivity=committing,
                licences=20,
                reason="Essai",
                name=f"Lot des écoles {number}",
                by=None,
                at=timezone.now(),
            )
        OfficeSettings.objects.create(
            contact_name="Nora Delmas", contact_phone="04 66 00 00 00", reply_to="nora@nimes.example"
        )
        reader = UserFactory(first_name="Camille")
        MemberFactory(user=reader, roles=[Role.VIEWER])
    page = open_signed_in(site, "nimes.peps.localhost", reader, slug="nimes").open("/", slug="nimes")
    expect(page.get_by_role("button", name="Imprimer")).to_be_visible()
    expect(page.locator("[data-map]")).to_be_visible()
    for words in ("À qui s’adresser", "Par semaine, nommée", "Par mois, celui"):
        expect(page.get_by_text(words)).to_be_hidden()
    content = page.pdf(prefer_css_page_size=True)
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    assert len(pages) == 1
    text = collapse(pages[0].extract_text())
    for words in (
        "Ville de Nîmes, au",
        "De l’achat à la classe",
        "Activations, semaine par semaine",
        "Par semaine, nommée par son lundi" if weeks == 9 else "Par mois, celui du lundi de chaque semaine",
        "Clés activées",
        "Relances envoyées",
        "Lot des écoles 8",
        "Et 3 autres lots, plus anciens",
        "Votre territoire",
        "À qui s’adresser\u00a0: Nora Delmas, 04 66 00 00 00, nora@nimes.example.",
    ):
        assert words in text
    for words in ("À faire", "Écoles à aider", "Derniers événements", "Imprimer", "Passez sur un point", "Menu"):
        assert words not in text
    assert_no_printed_line_covers_another(page)


def assert_no_printed_line_covers_another(page):
    """Check that the first lines of the printed page are below each other."""
    page.emulate_media(media="print")
    tops = page.evaluate(
        """() => ["h1", ".print-head", ".headline", "[aria-labelledby=chemin] h2"].map((name) => {
            const box = document.querySelector(name).getBoundingClientRect();
            return [box.top, box.bottom];
        })"""
    )
    assert all(upper[1] <= lower[0] + 0.5 for upper, lower in pairwise(tops)), tops


def test_without_scripts_dots_and_table_are_there(viewer, site):
    visit = open_signed_in(site, "nimes.peps.localhost", viewer, slug="nimes", scripts=False, width="phone")
    page = visit.open("/", slug="nimes")
    page.get_by_text("Les mêmes chiffres en tableau").click()
    expect(page.get_by_role("columnheader", name="Relances envoyées")).to_be_visible()
    page.get_by_role("link", name="Voir la carte de vos écoles").click()
    expect(page.locator("[data-map-name]")).to_be_hidden()
    page.locator("[data-map] a[href^='/carte/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Écoles d’un point de la carte")
    assert find_overflow(page) == []
    page.get_by_role("link", name="Revenir à la carte").click()
    expect(page.get_by_role("heading", name="Votre territoire")).to_be_in_viewport()
