"""From a scan received to invoiced and paid, in a real browser: clicks counted, both widths, keyboard, no scripts."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from playwright.sync_api import expect

from licensing.orders.models import OrderState
from tests.e2e.effort import count_effort
from tests.e2e.face_checks import keep_pictures
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.sessions import create_session, open_signed_in
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions


def draw_scan(site) -> bytes:
    """Return a JPEG that looks like a signed purchase order."""
    page = site.person().page
    page.set_content("<h1>BON DE COMMANDE</h1><p>Lu et approuvé, J. Martin</p>")
    return page.screenshot(type="jpeg")


def receive(site, *, days: int = 0):
    """Return an order whose signed purchase order came so many days ago."""
    order = OrderFactory(current=True, placed=True)
    at = timezone.now() - datetime.timedelta(days=days)
    actions.upload(order, content=draw_scan(site), filename="bon.jpg", at=at)
    return order


@pytest.mark.journey
def test_a_scan_received_is_invoiced_and_paid_in_three_clicks(committing, site):
    with schema_context("public"):
        order, later = receive(site, days=3), receive(site)
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    effort = count_effort(visit)
    page = visit.open("/admin/")
    page.get_by_role("link", name="Commencer par le plus ancien").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(order))
    scan = page.get_by_role("img", name="Bon de commande signé, bon.jpg")
    expect(scan).to_be_in_viewport()
    expect(scan).to_have_js_property("complete", True)
    assert scan.evaluate("(image) => image.naturalWidth") > 0
    page.get_by_role("button", name="Conforme : facturer").click()
    assert_message(page, "émise : 199,00 €")
    page.get_by_label("Référence").fill("VIR 0012")
    page.get_by_role("button", name="Encaisser").click()
    assert_message(page, "la commande est réglée")
    assert (effort.clicks, effort.fields) == (3, {"reference"})
    with schema_context("public"):
        order.refresh_from_db()
        assert order.state == OrderState.PAID
    # And the next one is offered.
    page.get_by_role("link", name="Passer au suivant").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(later))
    assert visit.complaints == []


def assert_message(page, text):
    """What was done is told on the screen, and the keyboard goes on from there."""
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text(text)
    expect(notice).to_be_in_viewport()
    expect(notice).to_be_focused()


def test_a_scan_is_refused_by_keyboard_with_its_reason(committing, site):
    with schema_context("public"):
        order = receive(site)
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    page = visit.open(f"/admin/a-traiter/verifier/{order.pk}/")
    effect = page.get_by_role("heading", name="ce qui se passera")
    expect(effect).to_be_visible()
    page.locator("summary", has_text="Refuser…").focus()
    page.keyboard.press("Enter")
    expect(effect).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Motif")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # Without a reason nothing is refused, and the form stays open.
    notice = page.locator(".error-summary")
    expect(notice).to_be_in_viewport()
    expect(notice).to_be_focused()
    page.get_by_label("Motif").fill("La signature manque.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert_message(page, "Document refusé")
    with schema_context("public"):
        assert order.scans.get().reason == "La signature manque."


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_without_scripts_an_order_is_invoiced_and_paid(committing, site, width):
    with schema_context("public"):
        order = receive(site)
        session = create_session(site, OperatorFactory())
    page = site.person(session=session, scripts=False, width=width).open("/admin/")
    page.get_by_role("link", name="Bon de commande signé").click()
    invoice = page.get_by_role("button", name="Conforme : facturer")
    # Read what will happen, then press.
    effect = page.locator(".step-effect").bounding_box()
    assert effect["y"] + effect["height"] <= invoice.bounding_box()["y"]
    invoice.click()
    page.get_by_label("Référence").fill("VIR 0012")
    page.get_by_role("button", name="Encaisser").click()
    expect(page.locator("#messages")).to_contain_text("la commande est réglée")
    with schema_context("public"):
        order.refresh_from_db()
        assert order.state == OrderState.PAID


def test_the_pages_of_what_waits_have_no_problems(committing, site):
    with schema_context("public"):
        scanned = receive(site, days=3)
        pdf = OrderFactory(current=True, scanned=True)
        unknown = OrderFactory(current=True, in_review=True)
        late = OrderFactory(current=True, confirmed=True, at=timezone.now() - datetime.timedelta(days=60))
        paid = OrderFactory(current=True, paid=True)
        # Its payer's references are not complete.
        lacking = OrderFactory(current=True, placed=True, billing__siret="")
        actions.upload(lacking)
        with tenant_context(committing):
            PurchaseFactory(current=True, confirmed=True)
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    lists = [f"/admin/a-traiter/{slug}/" for slug in ("verifier", "encaisser", "deposer", "rappeler")]
    to_check = [f"/admin/a-traiter/verifier/{one.pk}/" for one in (scanned, pdf, unknown, lacking, paid)]
    in_pictures = {
        "/admin/": "exploitation-a-traiter",
        to_check[0]: "exploitation-verifier",
        "/admin/rechercher/?query=nimes": "exploitation-recherche",
    }
    found = {}
    for path in (
        "/admin/",
        *lists,
        *to_check,
        f"/admin/a-traiter/encaisser/{late.pk}/",
        "/admin/billing/invoice/a-deposer/",
        "/admin/rechercher/?query=nimes",
    ):
        visit.open(path)
        if path in in_pictures:
            keep_pictures(visit, in_pictures[path])
        found[path] = find_problems_at_both_widths(visit)
    assert_no_problems(found)


def test_the_menu_and_the_search_stay_on_a_narrow_screen(committing, site):
    with schema_context("public"):
        visit = open_signed_in(site, "peps.localhost", OperatorFactory())
    page = visit.open("/admin/")
    page.set_viewport_size({"width": 320, "height": 640})
    page.get_by_text("Menu", exact=True).click()
    entry = page.get_by_role("navigation", name="Menu de l’exploitation").get_by_role(
        "link", name="Toute l’administration"
    )
    expect(entry).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    entry.click()
    expect(page).to_have_url(site.url("/admin/tout/"))
