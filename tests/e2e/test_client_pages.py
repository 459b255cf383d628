"""The operator's pages of clients and of a month: axe, widths, keyboard, without scripts, text of twice the size."""

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.operations.members import invite
from licensing.pools.models import Pool
from mailing.models import Message
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import assert_no_problems, find_overflow, find_problems_at_both_widths
from tests.e2e.rgaa_checks import find_keyboard_faults
from tests.e2e.sessions import open_signed_in
from tests.factories.accounts import OperatorFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions
from tests.orders.dates import DAY
from tests.pools.actions import allocate_units


@pytest.fixture
def school_order(committing):
    """What an operator finds: Nîmes owes for a lot that it has given from; a school bought, and was given of it."""
    now = timezone.now()
    with schema_context("public"):
        late = OrderFactory(current=True, at=now - 60 * DAY, confirmed=True)
    with tenant_context(committing):
        buyer = UserFactory(first_name="Odile", last_name="Périer", last_login=now, phone="04 66 12 34 56")
        MemberFactory(user=buyer, roles=[Role.BUYER, Role.MANAGER])
        order = PurchaseFactory(current=True, confirmed=True, by=buyer)
        actions.pay(order, amount="5000", at=now)
        invite(email="referent.donnees@nimes.example", roles=["data_officer"], by=None, at=now)
        for school, units in ((late.school, 4), (SchoolFactory(), 12)):
            allocate_units(Pool.objects.get(), school, units, at=now)
        Message.objects.update(state="failed", reason="Cette adresse n'existe pas.")
    return late


def test_the_pages_of_clients_and_of_a_month_have_no_problems(committing, site, school_order):
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    in_pictures = {
        f"/admin/clients/collectivite/{committing.pk}/": "exploitation-client",
        "/admin/mois/": "exploitation-mois",
    }
    found = {}
    for path in (
        f"/admin/clients/collectivite/{committing.pk}/",
        f"/admin/clients/ecole/{school_order.school_id}/",
        f"/admin/clients/personne/{school_order.placed_by_id}/",
        f"/admin/tenants/collectivity/{committing.pk}/visiter/",
        "/admin/mois/",
        "/admin/rechercher/?query=nimes",
    ):
        page = visit.open(path)
        if path in in_pictures:
            keep_pictures(visit, in_pictures[path])
        found[path] = [*find_problems_at_both_widths(visit), *find_keyboard_faults(page)]
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        found[path] += [f"200 %: {fault}" for fault in find_overflow(page)]
        visit.complaints.clear()
    assert_no_problems(found)


def test_a_label_of_a_table_is_not_printed_over_its_figure_on_a_telephone(committing, site, school_order):
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory(), width="phone")
    page = visit.open(f"/admin/clients/collectivite/{committing.pk}/")
    cell = page.locator('[data-label="Activées, non utilisées"]').first
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').whiteSpace") == "normal"
    # Two lines of the label make the cell as high.
    [one_line, two_lines] = [
        page.locator(f'[data-label="{label}"]').first.bounding_box()["height"]
        for label in ("Libres", "Activées, non utilisées")
    ]
    assert two_lines > one_line


def test_a_client_on_the_telephone_is_found_and_opened_without_scripts(committing, site, school_order):
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory(), width="phone", scripts=False)
    page = visit.open("/admin/")
    page.get_by_label("Rechercher partout").fill("mairie de nismes")
    page.get_by_role("button", name="Rechercher").click()
    page.get_by_role("link", name="Ville de Nîmes").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ville de Nîmes")
    expect(page.get_by_role("link", name="Odile Périer")).to_be_visible()
    page.get_by_role("link", name="Ouvrir le bureau").click()
    page.get_by_label("Motif").fill("Un appel du référent données")
    page.get_by_role("button", name="Ouvrir le bureau").click()
    page.get_by_role("link", name="Entrer dans le bureau").click()
    expect(page.get_by_role("complementary", name="Lecture seule")).to_be_visible()
