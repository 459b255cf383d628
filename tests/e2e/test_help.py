"""The help in a real browser: guides, questions as one types, and the pictures of the portal's guides."""

import os
import re
from pathlib import Path

import pytest
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.entitlements import operations
from sites.help.guides import GUIDES
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import find_overflow, find_problems_at_both_widths, run_axe
from tests.e2e.sessions import create_session, open_signed_in
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory
from tests.sites.portal.shop_buyer import ShopBuyer

WINDOW = {"width": 1040, "height": 760}


@pytest.fixture
def jaures(committing):
    """A school with three teachers, one of whom has a licence."""
    school = SchoolScenario()
    _, subscription = school.subscription(units=3)
    names = [("Léa", "Martin"), ("Hugo", "Bernard"), ("Inès", "Petit")]
    teachers = [TeacherFactory(first_name=first, last_name=last) for first, last in names]
    for teacher in teachers:
        AffiliationFactory(user=teacher, school=school.school)
    operations.assign(subscription_id=subscription.pk, teacher=teachers[0], by=school.principal, at=TERM)
    return school


@pytest.fixture
def taught(committing):
    return TaughtClass(SchoolScenario(), pupils=6)


@pytest.fixture
def buyer(committing):
    return ShopBuyer()


def test_the_pages_of_the_help_have_no_problems(committing, site):
    visit = site.person()
    for path in ("/aide/", *(f"/aide/{guide.slug}/" for guide in GUIDES)):
        visit.open(path)
        assert find_problems_at_both_widths(visit) == [], path


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_help_opened_from_an_office_leads_back_to_it(committing, site, width):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.VIEWER]).user
    page = open_signed_in(site, "nimes.peps.localhost", member, slug="nimes", width=width).open("/", slug="nimes")
    if width == "phone":
        page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="Aide sur cette page").locator("visible=true").click()
    expect(page.get_by_role("heading", name="Si vous êtes lecteur")).to_be_in_viewport()
    assert run_axe(page) == []
    assert find_overflow(page) == []
    if folder := os.environ.get("SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=Path(folder) / f"help-{width}.png")
    expect(page.get_by_role("link", name="Connexion")).to_have_count(0)
    page.get_by_role("link", name="Retour au bureau de Nîmes").locator("visible=true").click()
    expect(page).to_have_url(re.compile(r"^http://nimes\.peps\.localhost:[0-9]+/$"))


def test_a_contents_entry_leads_to_its_section(committing, site):
    page = site.person().open("/aide/enseignant/")
    page.get_by_role("navigation", name="Sommaire").get_by_role("link", name="7. Enseigner à deux").click()
    expect(page.get_by_role("heading", name="7. Enseigner à deux")).to_be_in_viewport()


def test_questions_are_found_as_one_types_and_the_keyboard_stays(committing, site):
    visit = site.person()
    page = visit.open("/faq/")
    field = page.get_by_label("Chercher dans les questions et les guides")
    field.press_sequentially("mi-temps")
    expect(page.get_by_role("status")).to_contain_text("à « mi-temps »")
    expect(page.locator("#reponses summary").first).to_contain_text("Deux enseignants pour une classe")
    expect(field).to_be_focused()
    assert page.url.endswith("/faq/?q=mi-temps")
    assert find_problems_at_both_widths(visit) == []
    field.fill("")
    expect(page.get_by_role("navigation", name="Sujets")).to_be_visible()


def test_without_scripts_the_server_finds_the_same(committing, site):
    page = site.person(scripts=False).open("/faq/")
    page.get_by_label("Chercher dans les questions et les guides").fill("zzz")
    page.get_by_role("button", name="Chercher").click()
    expect(page.get_by_role("status")).to_contain_text("0 réponse à « zzz »")
    page.locator("#reponses").get_by_role("link", name="Enseignantes et enseignants").click()
    expect(page).to_have_url(re.compile("/aide/enseignant/$"))


def test_the_guides_show_mon_compte_as_it_is(jaures, site):
    visit = site.person(session=create_session(site, jaures.principal))
    visit.page.set_viewport_size(WINDOW)
    page = visit.open("/mon-compte/")
    expect(page.get_by_text("Martin").first).to_be_visible()
    keep_picture(page, "direction-mon-compte")


def test_the_guides_show_the_shop_as_it_is(buyer, site):
    visit = site.person()
    visit.page.set_viewport_size(WINDOW)
    page = visit.open("/boutique/?classes=5")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keep_picture(page, "direction-boutique")


def test_the_guides_show_a_class_and_the_pupils_entry_as_they_are(taught, site):
    visit = site.person(session=create_session(site, taught.teacher))
    visit.page.set_viewport_size(WINDOW)
    page = visit.open(taught.url())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keep_picture(page, "enseignant-classe")
    pupil = site.person()
    pupil.page.set_viewport_size(WINDOW)
    page = pupil.open("/eleve/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keep_picture(page, "eleve-connexion")
