"""The identity on the main pages, at both widths: one filled button, no small text, one bar, little to load.

`make pictures` keeps what the pages look like, for docs/images.
"""

import re

import pytest
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.entitlements import operations as seats
from licensing.orders import operations as orders
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.e2e.face_checks import MAX_TRANSFER, find_faults_of_identity, keep_pictures, measure_transfer
from tests.e2e.page_checks import at_widths
from tests.e2e.sessions import create_session, open_signed_in
from tests.e2e.site import WIDTHS
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.factories.shop import open_shop
from tests.pools.actions import allocate_units
from tests.sites.portal.key_letter import render_last
from tests.sites.portal.shop_buyer import ShopBuyer


@pytest.fixture
def head(committing):
    """A principal who has given two licences of three."""
    school = SchoolScenario()
    _, subscription = school.subscription(units=3)
    for first, last in (("Aïcha", "Bensaïd"), ("Hugo", "Bernard"), ("Inès", "Petit")):
        teacher = TeacherFactory(first_name=first, last_name=last)
        AffiliationFactory(user=teacher, school=school.school)
        if last != "Petit":
            seats.assign(subscription_id=subscription.pk, teacher=teacher, by=school.principal, at=TERM)
    return school.principal


@pytest.fixture
def taught(committing):
    return TaughtClass(SchoolScenario(), pupils=30)


@pytest.fixture
def on_sale(committing):
    return open_shop()


def show(visit, name, path, *, slug=""):
    """Open the page, hold it to the identity, and keep its pictures."""
    transfer, parts = measure_transfer(visit, path, slug=slug)
    assert transfer <= MAX_TRANSFER, sorted((size, url.rpartition("/")[2]) for url, size in parts.items())
    assert at_widths(visit.page, find_faults_of_identity, *WIDTHS) == [], name
    keep_pictures(visit, name)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("accueil", "/"),
        ("connexion", "/connexion/"),
        ("inscription", "/inscription/"),
        ("aide", "/aide/"),
        ("faq", "/faq/"),
        ("accessibilite", "/accessibilite/"),
        ("eleve", "/eleve/"),
        ("page-introuvable", "/nulle-part/"),
        ("composants", "/composants/"),
    ],
)
def test_a_visitor_s_page_has_the_identity_and_loads_little(committing, site, name, path):
    show(site.person(), name, path)


def test_the_shop_has_the_identity_and_loads_little(on_sale, site):
    visit = site.person()
    show(visit, "boutique", "/boutique/?classes=5")
    expect(visit.page.get_by_text("2 à 5 classes").first).to_be_visible()


def test_the_pages_of_a_head_have_the_identity_and_load_little(head, site):
    visit = site.person(session=create_session(site, head))
    show(visit, "direction", "/mon-compte/")
    # The dashboard needs no scrolling: the list begins in the window.
    expect(visit.page.get_by_text("Petit").first).to_be_in_viewport()


def test_the_page_of_a_key_has_the_identity_and_loads_little(committing, site):
    school = SchoolFactory(name="École élémentaire Jean Jaurès", commune="Nîmes", email="ce.0300001a@ac.example")
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=10, reason="Essai", by=None, at=TERM)
        allocate_units(pool, school, units=3)
    letter = re.search(r"(/cle/#\S+)", render_last(committing).text)
    assert letter is not None
    show(site.person(), "cle", letter[1])


def test_the_pages_of_a_teacher_and_a_child_have_the_identity_and_load_little(taught, site):
    visit = site.person(session=create_session(site, taught.teacher))
    show(visit, "enseignant", "/mon-compte/")
    show(visit, "classe", taught.url())
    child = site.person()
    page = child.open("/eleve/")
    page.get_by_label("Mon identifiant").fill(taught.credentials[0].login)
    page.get_by_label("Mon mot de passe").fill(taught.credentials[0].password)
    page.locator("main button.btn-primary").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bonjour")
    keep_pictures(child, "eleve-bonjour")


def test_the_page_of_an_order_has_the_identity_and_loads_little(committing, site):
    buyer = ShopBuyer()
    visit = site.person(session=create_session(site, buyer.user))
    show(visit, "commande", f"/boutique/commandes/{buyer.draft().pk}/")


def test_the_pages_of_an_office_have_the_identity_and_load_little(committing, site):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.MANAGER, Role.BUYER, Role.DATA_OFFICER])
        pool = orders.grant(collectivity=committing, licences=100, reason="Essai", by=None, at=TERM)
        for number in range(12):
            school = PortfolioSchoolFactory().school
            allocate_units(pool, school, units=2 + number % 5)
    visit = open_signed_in(site, "nimes.peps.localhost", member.user, slug="nimes")
    for name, path in (
        ("bureau", "/"),
        ("bureau-attributions", "/attributions/"),
        ("bureau-ecoles", "/ecoles/"),
        ("bureau-ecole", f"/ecoles/{school.pk}/"),
        ("bureau-distribuer", "/distribuer/"),
    ):
        show(visit, name, path, slug="nimes")


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
    for entry in ("Connexion", "Créer un compte", "Boutique", "FAQ", "Contact", "Aide"):
        expect(menu.get_by_role("link", name=entry)).to_be_visible()
