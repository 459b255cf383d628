"""A département buys 2,000 licences by mandat, gives some the same day; day 46 suspends, its payment restores."""

import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from core import formatting
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import BillingDocument
from licensing.entitlements.models import Entitlement
from licensing.orders import purchase_orders
from licensing.orders.models import Order, OrderState
from licensing.orders.settlement import PaymentMethod
from licensing.payments import operations as payment_operations
from licensing.pools.positions import list_pool_positions
from tenants.models import Collectivity
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.factories.accounts import OperatorFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import get_seller, put_on_sale
from tests.host_client import HostClient
from tests.orders import actions

#: Its check digits are right; no establishment has it.
SIRET = "22300001900016"
DETAILS = {
    "address": "3 rue Guillemette",
    "postal_code": "30000",
    "city": "Nîmes",
    "email": "comptabilite@gard.example",
}


@pytest.fixture
def gard(committing, site):
    """The département, entered, in a test whose commits are real."""
    collectivity = Collectivity.objects.get(slug="gard")
    with tenant_context(collectivity):
        yield collectivity


@pytest.fixture
def visit(gard, site):
    """The browser of a member who buys and allocates."""
    client = HostClient("gard.peps.localhost")
    client.force_login(MemberFactory(user=UserFactory(first_name="Camille"), roles=[Role.BUYER, Role.MANAGER]).user)
    session = client.session
    session["host"] = f"{client.host}:{site.port}"
    session.save()
    return site.person(session=session.session_key, slug="gard")


class PageRecorder:
    """Collects the problems of each visited page."""

    def __init__(self, visit):
        self.visit, self.found = visit, {}

    def look(self, name):
        self.found[name] = find_problems_at_both_widths(self.visit)
        self.visit.complaints.clear()


def give(visit, school, units):
    page = visit.open(f"/attributions/attribuer/?ecole={school.uai}", slug="gard")
    if page.get_by_label("Nombre de licences").count() == 0:
        return page.locator("main").inner_text()
    page.get_by_label("Nombre de licences").fill(str(units))
    page.get_by_role("button", name="Attribuer").click()
    visit.settle()
    return page.locator("main").inner_text()


def backdate_order(days, bought):
    """Move the order back by `days`: the server reads the real clock."""
    back = datetime.timedelta(days=days)
    Order.objects.filter(pk=bought.pk).update(placed_at=bought.placed_at - back)
    entitlement = Entitlement.objects.get(order_line__order=bought)
    Entitlement.objects.filter(pk=entitlement.pk).update(provisional_until=entitlement.provisional_until - back)


def prepare_and_quote(page, recorder):
    page.get_by_role("link", name="Acheter des licences").click()
    # What is typed before the script has come is shown by the button alone.
    page.wait_for_load_state()
    page.get_by_label("Combien de licences").fill("2 000")
    page.get_by_text("TOTAL TTC").wait_for()
    expect(page.locator("#prix")).to_contain_text(formatting.euros(Decimal(48000)))
    expect(page.locator("#tarifs")).to_contain_text("votre volume")
    recorder.look("prix")
    page.get_by_role("button", name="Préparer la commande").click()
    page.get_by_role("button", name="Établir un devis").click()
    with page.expect_download() as quoted:
        page.get_by_role("link", name="(PDF)").click()
    assert Path(quoted.value.path()).read_bytes().startswith(b"%PDF-")


def order(page, recorder):
    page.get_by_role("link", name="Commander").click()
    for field, typed in DETAILS.items():
        page.locator(f"#id_{field}").fill(typed)
    page.locator("#id_siret").fill("223 000 019 00017")
    page.get_by_text("faute de frappe").wait_for()
    page.get_by_role("button", name="Commander, pour").click()
    page.get_by_text("Cochez cette case").first.wait_for()
    recorder.look("commander")
    page.locator("#id_siret").fill(SIRET)
    page.get_by_text("faute de frappe").wait_for(state="detached")
    page.get_by_label("conditions générales de vente").check()
    page.get_by_role("button", name="Commander, pour").click()
    page.get_by_text("sont utilisables tout de suite").wait_for()
    recorder.look("commandee")
    with page.expect_download() as to_sign:
        page.get_by_role("link", name="Télécharger le bon de commande").click()
    assert Path(to_sign.value.path()).read_bytes() == bytes(BillingDocument.objects.get(kind="purchase_order").content)
    return Order.objects.get()


def send_signed(page, file):
    file.write_bytes(actions.SCAN)
    page.get_by_label("Bon de commande signé").set_input_files(file)
    page.get_by_role("button", name="Déposer").click()
    page.get_by_text("en cours de vérification").first.wait_for()


def pay(bought, by):
    return payment_operations.record_payment(
        order_id=bought.pk,
        method=PaymentMethod.TRANSFER,
        amount=bought.total_ttc,
        received_on=timezone.localdate(),
        reference="Mandat 1184",
        by=by,
        at=timezone.now(),
    )


@pytest.mark.journey
def test_a_departement_buys_by_mandat_is_suspended_on_day_46_and_restored_by_payment(gard, visit, tmp_path):
    today = timezone.localdate()
    year = today.year + (today.month >= 9)
    put_on_sale(ends_on=datetime.date(year, 8, 31), sold_from=datetime.date(year - 1, 6, 1))
    get_seller()
    operator, recorder = OperatorFactory(), PageRecorder(visit)
    schools = [SchoolFactory(name=f"École Jean Jaurès {number}") for number in range(2)]

    page = visit.open("/lots/", slug="gard")
    prepare_and_quote(page, recorder)
    bought = order(page, recorder)
    assert "3\xa0licences attribuées" in give(visit, schools[0], 3)

    backdate_order(46, bought)
    purchase_orders.remind_and_lapse(timezone.now())
    visit.open(f"/achats/{bought.pk}/", slug="gard")
    expect(page.locator("main")).to_contain_text("Suspendue")
    recorder.look("suspendue")
    assert "Aucun lot n’a de licence libre" in give(visit, schools[1], 3)

    visit.open(f"/achats/{bought.pk}/", slug="gard")
    send_signed(page, tmp_path / "bon signé.pdf")
    recorder.look("deposee")
    invoice = billing_operations.confirm(order_id=bought.pk, by=operator, at=timezone.now())
    page.reload()
    expect(page.locator("main")).to_contain_text(invoice.number)
    recorder.look("facturee")
    pay(bought, operator)
    visit.open("/achats/", slug="gard")
    recorder.look("liste")

    bought.refresh_from_db()
    assert bought.state == OrderState.PAID
    assert "3\xa0licences attribuées" in give(visit, schools[1], 3)
    assert [(position.bought, position.free, position.issued) for position in list_pool_positions()] == [
        (2000, 1994, 6)
    ]
    assert_no_problems(recorder.found)
