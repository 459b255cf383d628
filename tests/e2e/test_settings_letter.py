"""« Réglages »: the letter beside the form, with and without scripts."""

import io

import pytest
from django_tenants.utils import tenant_context
from PIL import Image
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.collectivities import MemberFactory


@pytest.fixture
def open_settings(committing, site):
    """Opens the tab of a manager at the settings of an office that has a logo."""
    logo = io.BytesIO()
    Image.new("RGB", (60, 24), "navy").save(logo, "PNG")

    def open_tab(**person):
        visit = open_signed_in(site, "nimes.peps.localhost", user, slug="nimes", **person)
        visit.open("/reglages/", slug="nimes")
        return visit

    # The browser's event loop gives this thread another connection, which starts in the public schema.
    with tenant_context(committing):
        OfficeSettings.objects.create(sender_name="Éducation – Nîmes", logo=logo.getvalue())
        user = MemberFactory(roles=[Role.MANAGER]).user
        yield open_tab


@pytest.mark.parametrize("person", [{}, {"scripts": False, "width": "phone"}], ids=["wide", "phone-without-scripts"])
def test_the_letter_is_shown_with_its_logo_and_with_what_is_typed(open_settings, person):
    visit = open_settings(**person)
    page, letter = visit.page, visit.page.frame_locator("iframe[name=lettre]")
    expect(letter.locator("body")).to_contain_text("vous répond")
    assert letter.locator("img").evaluate("(logo) => logo.naturalWidth") == 60
    page.get_by_label("Un mot de la collectivité").fill("Bonne rentrée à toutes et à tous.")
    page.get_by_role("button", name="Voir la lettre sans enregistrer").click()
    note = letter.get_by_text("Bonne rentrée à toutes et à tous.")
    expect(note).to_be_visible()
    expect(page.locator("iframe[name=lettre]")).to_be_in_viewport()
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert OfficeSettings.objects.get().letter_note == ""
    assert visit.complaints == []


def test_the_page_has_no_problem(open_settings):
    visit = open_settings()
    expect(visit.page.frame_locator("iframe[name=lettre]").locator("body")).to_contain_text("vous répond")
    keep_pictures(visit, "bureau-reglages")
    assert find_problems_at_both_widths(visit) == []
