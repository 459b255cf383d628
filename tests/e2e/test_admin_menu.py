"""The admin's pages show the operator's menu, and the page of an invitation sends it again, in a real browser."""

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.operations.members import invite
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_the_menu_is_in_view_on_the_admin_s_pages(committing, site, width):
    with schema_context("public"):
        order = OrderFactory(current=True, confirmed=True)
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    invoice = f"/admin/billing/invoice/{order.invoices.get().pk}/change/"
    for path in ("/admin/tout/", "/admin/orders/order/", invoice):
        page = visit.open(path)
        page.set_viewport_size({"width": width, "height": 800})
        menu = page.get_by_role("navigation", name="Pages de l’exploitation")
        for label in ("Ce qui attend", "Le mois en chiffres", "Toute l’administration"):
            expect(menu.get_by_role("link", name=label)).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="Déconnexion")).to_be_in_viewport(ratio=1)
        expect(page.get_by_label("Rechercher partout")).to_be_in_viewport()
    page.get_by_role("link", name="Le mois en chiffres").click()
    expect(page).to_have_url(site.url("/admin/mois/"))


def test_an_invitation_is_found_and_sent_again_in_three_clicks(committing, site):
    with tenant_context(committing):
        invite(email="compta.dupont@nimes.example", roles=[Role.BUYER], by=None, at=timezone.now())
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    page = visit.open("/admin/")
    page.get_by_label("Rechercher partout").fill("conpta@")
    page.get_by_role("button", name="Rechercher").click()
    found = {"search": find_problems_at_both_widths(visit)}
    page.get_by_role("link", name="compta.dupont@nimes.example").click()
    found["invitation"] = find_problems_at_both_widths(visit)
    page.get_by_role("button", name="Renvoyer l’invitation").click()
    expect(page.locator("#messages")).to_contain_text("l’invitation repart")
    expect(page.locator("#messages")).to_be_in_viewport()
    assert_no_problems(found)
