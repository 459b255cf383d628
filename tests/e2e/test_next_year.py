"""Next year is bought in the shop beside the current one, by a principal and by a collectivity."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders.models import Order
from licensing.orders.rights import get_entitlement
from tenants.models import Collectivity
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session, open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.shop import sell_next_year
from tests.sites.back_office.test_orders import action_url
from tests.sites.portal.shop_buyer import ShopBuyer


@pytest.fixture
def buyer(committing):
    return ShopBuyer()


@pytest.fixture
def next_year(buyer):
    """The next school year, on sale beside the current one."""
    return sell_next_year(buyer.year, sold_from=timezone.localdate())


@pytest.fixture
def look():
    """Assert that a page has no problem at both widths."""

    def look_at(visit, name):
        assert find_problems_at_both_widths(visit) == [], name

    return look_at


def test_a_principal_buys_next_year_beside_the_current_one_without_scripts(buyer, next_year, site, look):
    visit = site.person(scripts=False, session=create_session(site, buyer.user))
    page = visit.open("/boutique/")
    years = page.get_by_role("navigation", name="Année scolaire")
    expect(years.locator("[aria-current]")).to_contain_text(f"Année {next_year}")
    years.get_by_role("link", name=f"Année {buyer.year}").click()
    expect(years.locator("[aria-current]")).to_contain_text(f"jusqu’au 31 août {buyer.year.ends_on.year} inclus")
    years.get_by_role("link", name=f"Année {next_year}").click()
    page.get_by_role("link", name="2 à 5 classes").click()
    first_day = f"à partir du 1er septembre {next_year.starts_on.year}"
    expect(page.locator("#paliers")).to_contain_text(first_day)
    page.get_by_role("button", name="Commander").click()
    page.get_by_label("Payer par chèque ou mandat administratif").check()
    page.get_by_label("Je reconnais avoir pris connaissance").check()
    page.get_by_role("button", name=re.compile("^(Payer|Recevoir le bon de commande)")).click()
    expect(page.locator("main")).to_contain_text(f"Licences utilisables en classe {first_day}")
    assert get_entitlement(Order.objects.get()).first_day == next_year.starts_on


def test_the_pages_of_next_year_have_no_problems(buyer, next_year, site, look):
    visit = site.person(session=create_session(site, buyer.user))
    page = visit.open(f"/boutique/?classes=3&annee={next_year.ends_on.year}")
    look(visit, "shop")
    page.get_by_role("button", name="Commander").click()
    look(visit, "checkout")
    page.get_by_label("Payer par chèque ou mandat administratif").check()
    page.get_by_label("Je reconnais avoir pris connaissance").check()
    page.get_by_role("button", name=re.compile("^(Payer|Recevoir le bon de commande)")).click()
    expect(page.locator("main")).to_contain_text("Licences utilisables en classe")
    look(visit, "order")
    visit.open("/mon-compte/")
    look(visit, "account")
    order = Order.objects.get()
    operator = open_signed_in(site, "peps.localhost", OperatorFactory())
    operator.open(f"/admin/catalogue/schoolyear/{buyer.year.pk}/change/")
    keep_picture(operator.page, "ventes-annee-scolaire")
    look(operator, "school_year")
    page = operator.open(action_url(order, "commencer"))
    look(operator, "start_early")
    page.get_by_role("button", name=re.compile("Rendre utilisable")).click()
    expect(page.locator("body")).to_contain_text("Licences utilisables dès aujourd’hui")
    assert get_entitlement(order).first_day == timezone.localdate()


def test_a_collectivity_buys_next_year_from_its_office(buyer, next_year, committing, site, look):
    with tenant_context(Collectivity.objects.get(slug="gard")):
        member = MemberFactory(roles=[Role.BUYER, Role.MANAGER])
    visit = open_signed_in(site, "gard.peps.localhost", member.user, slug="gard")
    page = visit.open(f"/achats/nouveau/?licences=120&annee={next_year.ends_on.year}", slug="gard")
    look(visit, "new_purchase")
    page.get_by_role("button", name="Préparer la commande").click()
    page.get_by_role("link", name="Commander").click()
    look(visit, "purchase_checkout")
    line = Order.objects.get().lines.get()
    assert line.school_year == next_year
