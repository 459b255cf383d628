"""The back office's admin actions on orders: each behind a confirmation page, and none twice."""

import datetime
import io
import zipfile

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_tenants.utils import schema_context

from core.calendar import date_in_paris
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice
from licensing.entitlements.models import Entitlement
from licensing.orders import purchase_orders
from licensing.orders.models import Order, OrderState
from licensing.payments.models import CardPayment, Payment
from tests.factories.accounts import OperatorFactory, UserFactory
from tests.factories.billing_details import PAYER_SIRET
from tests.factories.orders import OrderFactory
from tests.host_client import HostClient
from tests.orders import actions
from tests.races import run_concurrently
from tests.sites.back_office.pages import order_url, page_text
from tests.tiers import sampled

pytestmark = pytest.mark.slow


def action_url(row, name):
    meta = row._meta  # noqa: SLF001 - documented
    return f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/faire/{name}/"


def run_action(operator, row, name, /, **typed):
    """Open the page of an admin action, confirm it, and return the text of the next page."""
    page = operator.get(action_url(row, name))
    assert page.status_code == 200, f"{name} is not possible"
    version = page.context["page_version"]
    assert f'name="page_version" value="{version}"' in page.content.decode()
    return page_text(operator.post(action_url(row, name), typed | {"page_version": version}, follow=True))


def test_a_purchase_order_that_came_by_post_is_confirmed(operator):
    order = OrderFactory(current=True, placed=True, billing__name="Commune de Nîmes")
    assert "Le bon de commande signé est attendu" in page_text(operator.get(order_url(order)))
    question = page_text(operator.get(action_url(order, "confirmer")))
    assert "facture de 199,00 € est émise au nom de « Commune de Nîmes » (SIRET 21300189400012)" in question
    assert not Invoice.objects.exists()
    assert "à régler pour le" in run_action(operator, order, "confirmer")
    order.refresh_from_db()
    assert order.state == OrderState.CONFIRMED
    assert Invoice.objects.get().number in page_text(operator.get(order_url(order)))


def test_an_invoiced_order_is_paid_by_two_cheques(operator):
    order = OrderFactory(current=True, confirmed=True)
    today = date_in_paris(timezone.now()).isoformat()
    first = {"method": "cheque", "amount": "99,00", "received_on": today, "reference": "Chèque 0012"}
    assert "100,00 € restent à régler" in run_action(operator, order, "reglement", **first)
    second = first | {"amount": "100,00", "reference": "Chèque 0013"}
    assert "ses droits sont fermes" in run_action(operator, order, "reglement", **second)
    order.refresh_from_db()
    assert order.state == OrderState.PAID
    assert Entitlement.objects.get().temporary_until is None


def test_the_second_of_two_clicks_does_nothing(operator):
    order = OrderFactory(current=True, confirmed=True)
    page = action_url(order, "reglement")
    typed = {
        "method": "cheque",
        "amount": "50,00",
        "received_on": date_in_paris(timezone.now()).isoformat(),
        "page_version": operator.get(page).context["page_version"],
    }
    operator.post(page, typed | {"reference": "A"})
    # Not even under another reference: the page was loaded before the first payment.
    again = operator.post(page, typed | {"reference": "B"})
    assert again.status_code == 422
    assert "a changé depuis que la page est affichée" in page_text(again)
    assert Payment.objects.count() == 1


def test_a_completed_action_leaves_the_work_queue(operator):
    order = OrderFactory(current=True, placed=True)
    last_event = operator.get(action_url(order, "confirmer")).context["page_version"]
    operator.post(action_url(order, "confirmer"), {"page_version": last_event})
    again = operator.post(action_url(order, "confirmer"), {"page_version": last_event}, follow=True)
    assert "n’est plus à faire" in page_text(again)
    assert Invoice.objects.count() == 1


def test_a_scan_is_looked_at_then_refused_or_confirmed(operator):
    order = OrderFactory(current=True, placed=True)
    scan = actions.upload(order, filename="bon signé.pdf", at=timezone.now())
    page = page_text(operator.get(order_url(order)))
    assert "« bon signé.pdf »" in page
    shown = operator.get(f"/admin/orders/purchaseorderscan/{scan.pk}/fichier/")
    assert (shown["Content-Type"], shown.content) == ("application/pdf", actions.SCAN)
    assert "inline" in shown["Content-Disposition"]
    run_action(operator, order, "refuser-le-bon", reason="La signature manque.")
    scan.refresh_from_db()
    assert (scan.state, scan.reason) == ("refused", "La signature manque.")
    assert operator.get(action_url(order, "refuser-le-bon")).status_code == 302
    # Nothing was sent anew: there is nothing to confirm yet.
    main = "bg-primary-600 border-transparent text-white"
    offered = page_text(operator.get(order_url(order)))
    offered = offered[offered.index('id="deeds"') :].partition("</section>")[0]
    assert "Confirmer le bon de commande et facturer" in offered
    assert main not in offered
    actions.upload(order, at=timezone.now())
    offered = page_text(operator.get(order_url(order)))
    assert main in offered[offered.index('id="deeds"') :].partition("</section>")[0]
    run_action(operator, order, "confirmer")
    assert order.scans.get(state="accepted")


def test_missing_invoice_data_is_listed_and_completed_in_the_back_office(operator):
    order = OrderFactory(current=True, placed=True, billing__siret="")
    assert "Il manque encore" in page_text(operator.get(action_url(order, "confirmer")))
    assert "sans lui, sa facture" in run_action(operator, order, "confirmer")
    assert "faute de frappe" in run_action(operator, order, "completer", siret="213 001 894 00013")
    run_action(operator, order, "completer", siret="213 001 894 00012", engagement_number="EJ 42")
    order.refresh_from_db()
    assert (order.siret, order.engagement_number) == (PAYER_SIRET, "EJ 42")
    run_action(operator, order, "confirmer")
    assert Invoice.objects.exists()


def test_a_posted_purchase_order_with_missing_codes_stops_the_countdown(operator):
    order = OrderFactory(current=True, placed=True, billing__siret="")
    assert "n’est ni un PDF ni une photo" in run_action(
        operator, order, "recevoir", scan=SimpleUploadedFile("bon.pdf", b"MZ")
    )
    assert "Choisissez le fichier" in run_action(operator, order, "recevoir")
    assert not order.scans.exists()
    scan = SimpleUploadedFile("bon.pdf", b"%PDF-1.7 signed")
    assert "le compte à rebours est arrêté" in run_action(operator, order, "recevoir", scan=scan)
    entitlement = order.lines.get().entitlement
    assert (entitlement.provisional_until, entitlement.unpaid_until is None) == (None, False)
    assert operator.get(action_url(order, "recevoir")).status_code == 302
    purchase_orders.remind_and_lapse(timezone.now() + datetime.timedelta(days=60))
    order.refresh_from_db()
    assert order.state == OrderState.PLACED
    run_action(operator, order, "completer", siret=PAYER_SIRET)
    run_action(operator, order, "confirmer")
    assert order.scans.get().state == "accepted"


@pytest.mark.small
def test_an_order_that_can_be_confirmed_needs_no_posted_document(operator):
    assert operator.get(action_url(OrderFactory(current=True, placed=True), "recevoir")).status_code == 302


def primary_action(operator, order):
    """Return the label of the primary button."""
    return operator.get(order_url(order)).context["admin_actions"][0][0]


def test_the_primary_button_is_the_next_action(operator):
    assert primary_action(operator, OrderFactory(current=True, placed=True)).startswith("Confirmer")
    incomplete = OrderFactory(current=True, placed=True, billing__siret="")
    assert primary_action(operator, incomplete) == "Compléter les références du payeur"


def test_once_invoiced_the_primary_button_is_a_payment_or_what_a_rejected_invoice_lacks(operator):
    order = OrderFactory(current=True, confirmed=True)
    assert primary_action(operator, order) == "Enregistrer un règlement"
    invoice = order.invoices.current().get()
    billing_operations.record_platform_status(
        invoice_id=invoice.pk, state="rejected", reason="Service inconnu.", by=UserFactory(), at=timezone.now()
    )
    assert primary_action(operator, order) == "Compléter les références du payeur"
    page = page_text(operator.get(order_url(order)))
    assert f"La facture {invoice.number} a été rejetée ou refusée" in page
    assert "199,00 € à régler" not in page


def test_a_cancelled_order_does_not_mention_the_end_of_the_year(operator):
    order = OrderFactory(current=True, cancelled=True)
    page = page_text(operator.get(order_url(order)))
    assert "Droits arrêtés" in page
    assert "L’année scolaire est finie" not in page


def test_rights_are_suspended_restored_and_prolonged(operator):
    order = OrderFactory(current=True, confirmed=True)
    run_action(operator, order, "suspendre", cause="unpaid")
    assert Entitlement.objects.get().suspended_at is not None
    until = date_in_paris(timezone.now()) + datetime.timedelta(days=70)
    assert "prolonger ne les rétablit pas" in page_text(operator.get(action_url(order, "prolonger")))
    run_action(operator, order, "prolonger", until=until.isoformat())
    assert Entitlement.objects.get().unpaid_until == until
    run_action(operator, order, "retablir")
    assert Entitlement.objects.get().suspended_at is None


def test_a_paid_order_is_cancelled_by_a_credit_note_then_refunded(operator):
    order = OrderFactory(current=True, paid=True)
    payment = Payment.objects.get()
    assert operator.get(action_url(payment, "rembourser")).status_code == 302
    question = page_text(operator.get(action_url(order, "annuler")))
    assert f"Un avoir annule la facture {Invoice.objects.get()}" in question
    assert "199,00 € reçus seront à rembourser" in question
    run_action(operator, order, "annuler", reason="Commande en double.")
    assert "restent à rembourser" in page_text(operator.get(order_url(order)))
    assert "attend=rembourser" in page_text(operator.get("/admin/"))
    run_action(operator, payment, "rembourser", reference="VIR 99")
    assert sum(one.amount for one in Payment.objects.all()) == 0
    assert "attend=rembourser" not in page_text(operator.get("/admin/"))
    assert operator.get(action_url(payment, "rembourser")).status_code == 302


@pytest.mark.parametrize(
    ("key", "warns"), [("sk_test_1", True), ("rk_test_1", True), ("sk_live_1", False), ("", False)]
)
def test_stripe_in_test_mode_shows_a_warning(operator, settings, key, warns):
    """Its test card numbers are public: anyone could buy for nothing."""
    settings.STRIPE_SECRET_KEY = key
    assert ("Stripe est en mode test" in page_text(operator.get("/admin/"))) == warns


def test_the_order_page_says_why_rights_stopped_and_how_to_restore_them(operator):
    cancelled = OrderFactory(current=True, placed=True)
    billing_operations.cancel(order_id=cancelled.pk, reason="Double.", by=UserFactory(), at=timezone.now())
    page = page_text(operator.get(order_url(cancelled)))
    assert "Annulée. Double." in page
    assert "L’année scolaire est finie" not in page
    lapsed = OrderFactory(current=True, placed=True, at=timezone.now() - datetime.timedelta(days=60))
    assert "tant que le bon de commande signé, ou le règlement, n’est pas venu" in page_text(
        operator.get(order_url(lapsed))
    )


def test_cancelling_an_invoiced_order_mentions_no_late_purchase_order(operator):
    order = OrderFactory(current=True, placed=True, at=timezone.now() - datetime.timedelta(days=60))
    purchase_orders.remind_and_lapse(timezone.now())
    assert "sans bon de commande" in page_text(operator.get(action_url(order, "annuler")))
    billing_operations.confirm(order_id=order.pk, by=UserFactory(), at=timezone.now())
    assert "sans bon de commande" not in page_text(operator.get(action_url(order, "annuler")))


def test_refusing_a_late_scan_warns_that_everything_stops(operator):
    long_ago = timezone.now() - datetime.timedelta(days=60)
    fresh, late = OrderFactory(current=True, scanned=True), OrderFactory(current=True, scanned=True, at=long_ago)
    assert "fait reprendre le compte à rebours, jusqu’au" in page_text(
        operator.get(action_url(fresh, "refuser-le-bon"))
    )
    for page in (order_url(late), action_url(late, "refuser-le-bon")):
        assert "arrête les droits aussitôt" in page_text(operator.get(page))
    until = date_in_paris(timezone.now()) + datetime.timedelta(days=8)
    run_action(operator, late, "prolonger", until=until.isoformat())
    run_action(operator, late, "refuser-le-bon", reason="La signature manque.")
    assert Entitlement.objects.get(order_line__order=late).usable_on(until)


def test_an_overdue_order_leaves_the_work_queue_once_handled(operator):
    late = OrderFactory(current=True, confirmed=True, at=timezone.now() - datetime.timedelta(days=60))
    for answer, listed in (("suspendre", False), ("retablir", True)):
        run_action(operator, late, answer, cause="unpaid")
        assert ("attend=echues" in page_text(operator.get("/admin/"))) is listed
    until = date_in_paris(timezone.now()) + datetime.timedelta(days=1)
    run_action(operator, late, "prolonger", until=until.isoformat())
    assert "attend=echues" not in page_text(operator.get("/admin/"))


def test_one_refused_order_does_not_block_the_others_of_a_bulk_action(operator):
    kept, cancelled = OrderFactory(current=True, confirmed=True), OrderFactory(current=True, placed=True)
    billing_operations.cancel(order_id=cancelled.pk, reason="Double.", by=UserFactory(), at=timezone.now())
    chosen = {"action": "suspend", "_selected_action": [kept.pk, cancelled.pk]}
    assert str(kept.school) in page_text(operator.post("/admin/orders/order/", chosen))
    page = page_text(operator.post("/admin/orders/order/", chosen | {"confirmed": "1"}, follow=True))
    assert "1 lot suspendu" in page
    assert "est annulée" in page


@pytest.mark.parametrize(
    "page",
    sampled([
        "orders/order/1/faire/confirmer/", "orders/order/papiers/1/", "orders/purchaseorderscan/1/fichier/",
        "billing/invoice/1/document/",
        "billing/invoice/a-deposer/", "billing/invoice/a-deposer/chorus_pro/fichier/",
        "billing/invoice/a-deposer/chorus_pro/liste/",
    ], fast=2),
)  # fmt: skip
def test_only_the_operator_opens_the_back_office(portal, page):
    portal.force_login(OrderFactory(current=True, placed=True).placed_by)
    assert portal.get(f"/admin/{page}").status_code in (302, 403)
    assert Order.objects.get().state == OrderState.PLACED


def test_invoices_that_wait_are_downloaded_together(operator):
    first, second = OrderFactory(current=True, confirmed=True), OrderFactory(current=True, confirmed=True)
    home = page_text(operator.get("/admin/"))
    assert "À déposer&nbsp;: <strong>2</strong>" in home
    assert 'href="/admin/billing/invoice/a-deposer/">Factures à déposer<' in home
    page = operator.get("/admin/billing/invoice/a-deposer/")
    (batch,) = page.context["batches"]
    numbers, route = batch.numbers, f"/admin/billing/invoice/a-deposer/{batch.route}"
    archive = operator.get(f"{route}/fichier/?factures={numbers}")
    invoices = [order.invoices.current().get().number for order in (first, second)]
    with zipfile.ZipFile(io.BytesIO(b"".join(archive))) as opened:
        assert set(opened.namelist()) == {f"{number}.pdf" for number in invoices}
    written = b"".join(operator.get(f"{route}/liste/?factures={numbers}")).decode()
    assert all(number in written for number in invoices)
    assert operator.get("/admin/billing/invoice/a-deposer/peppol/fichier/").status_code == 404


def test_invoices_that_were_downloaded_are_noted_as_deposited(operator):
    invoices = [OrderFactory(current=True, confirmed=True).invoices.current().get().number for _ in range(2)]
    (batch,) = operator.get("/admin/billing/invoice/a-deposer/").context["batches"]
    numbers = batch.numbers
    # Issued after the archive was downloaded, so not in it.
    third = OrderFactory(current=True, confirmed=True).invoices.current().get()
    question = page_text(operator.post("/admin/billing/invoice/a-deposer/", {"factures": numbers}))
    assert "Noter 2 documents comme déposés sur Chorus Pro ?" in question
    assert all(number in question for number in invoices)
    assert invoicing.list_undeposited().count() == 3
    noted = {"factures": numbers, "confirmed": "1"}
    done = page_text(operator.post("/admin/billing/invoice/a-deposer/", noted, follow=True))
    assert "2 documents notés comme déposés." in done
    assert "« Reprendre le dernier état » le défait" in done
    nothing = page_text(operator.post("/admin/billing/invoice/a-deposer/", {"factures": numbers}, follow=True))
    assert "rien n'a été noté" in nothing.replace("’", "'")
    assert [one.pk for one in invoicing.list_undeposited()] == [third.pk]


def test_a_rejected_invoice_comes_first(operator):
    order = OrderFactory(current=True, confirmed=True)
    invoice = order.invoices.current().get()
    assert operator.get(action_url(invoice, "refaire")).status_code == 302
    assert "Recopiez le motif" in run_action(operator, invoice, "etat", state="rejected", reason="")
    run_action(operator, invoice, "etat", state="rejected", reason="Code service inconnu.")
    assert "1 facture rejetée ou refusée" in page_text(operator.get("/admin/"))
    assert str(invoice) in page_text(operator.get("/admin/billing/invoice/?attend=rejetees"))


def test_a_rejected_invoice_is_reissued_under_a_new_number(operator):
    order = OrderFactory(current=True, confirmed=True)
    invoice = order.invoices.current().get()
    billing_operations.record_platform_status(
        invoice_id=invoice.pk, state="rejected", reason="Code service inconnu.", by=UserFactory(), at=timezone.now()
    )
    run_action(operator, order, "completer", siret=PAYER_SIRET, service_code="EDUC")
    assert "émise" in run_action(operator, invoice, "refaire", reason="Code service inconnu.")
    issued = order.invoices.current().get()
    assert issued.number > invoice.number
    assert "facture rejetée" not in page_text(operator.get("/admin/"))
    card_of_it = page_text(operator.get(f"/admin/billing/invoice/{invoice.pk}/change/"))
    assert f"Annulée par l’avoir {invoice.get_cancelling_note()}" in card_of_it
    response = operator.get(f"/admin/billing/invoice/{issued.pk}/document/")
    assert response.content.startswith(b"%PDF")
    assert "EDUC" in operator.get(f"/admin/billing/invoice/{issued.pk}/donnees/").content.decode()


def test_a_card_payment_is_refunded_by_the_provider(operator):
    order = OrderFactory(current=True, paid_by_card=True)
    payment = Payment.objects.get()
    run_action(operator, order, "annuler", reason="À la demande de l'école.")
    assert operator.get(action_url(payment, "rembourser")).status_code == 302
    assert "demandé au prestataire" in run_action(operator, payment, "rembourser-la-carte")
    assert Payment.objects.get(refunds=payment).amount == -payment.amount
    attempt = payment.card
    assert attempt.token not in page_text(operator.get(f"/admin/payments/cardpayment/{attempt.pk}/change/"))
    CardPayment.objects.filter(pk=attempt.pk).update(message="Le prestataire n'a pas pu rendre l'argent.")
    assert "attend=cartes" in page_text(operator.get("/admin/"))
    assert "n’a pas pu rendre" in page_text(operator.get(action_url(attempt, "rendre-encore")))
    assert "n’attend plus" in run_action(operator, attempt, "vu")
    assert "attend=cartes" not in page_text(operator.get("/admin/"))
    assert operator.get(action_url(attempt, "vu")).status_code == 302


def test_two_clicks_at_the_same_moment_record_one_payment(committing):
    with schema_context("public"):
        order = OrderFactory(current=True, confirmed=True)
        user = OperatorFactory()
    browsers = [HostClient(settings.BASE_DOMAIN) for _ in range(4)]
    for browser in browsers:
        browser.force_login(user)
    page = action_url(order, "reglement")
    typed = {
        "method": "cheque",
        "amount": "50,00",
        "received_on": date_in_paris(timezone.now()).isoformat(),
        "page_version": browsers[0].get(page).context["page_version"],
    }
    clicks = [
        lambda browser=browser, reference=str(number): browser.post(page, typed | {"reference": reference}).status_code
        for number, browser in enumerate(browsers)
    ]
    assert sorted(run_concurrently("public", clicks, expected_errors=())) == [302, 422, 422, 422]
    assert Payment.objects.count() == 1


def test_the_rights_of_an_unknown_buyer_are_opened_from_the_work_queue(operator):
    order = OrderFactory(current=True, in_review=True)
    home = page_text(operator.get("/admin/"))
    assert f'href="/admin/a-traiter/verifier/{order.pk}/">Acheteur hors annuaire<' in home
    assert str(order.pk) in page_text(operator.get("/admin/orders/order/?attend=ouvrir"))
    buyer = f"Acheteur : {order.placed_by.get_full_name()}, {order.placed_by.email} (adresse non confirmée)."
    # On the order's own page too, where the operator decides between opening and refusing.
    for page in (f"/admin/orders/order/{order.pk}/change/", action_url(order, "ouvrir")):
        question = page_text(operator.get(page))
        assert buyer in question
        assert "Établissement saisi à la main : « École du Mas », Nîmes." in question
    assert "Droits temporaires ouverts" in run_action(operator, order, "ouvrir")
    order.refresh_from_db()
    assert (order.state, Entitlement.objects.count()) == (OrderState.PLACED, 1)
    assert "hors annuaire" not in page_text(operator.get("/admin/"))


def test_an_unknown_buyer_is_refused_with_a_reason(operator):
    order = OrderFactory(current=True, in_review=True)
    assert "refusée" in run_action(operator, order, "refuser", reason="Établissement inconnu.")
    order.refresh_from_db()
    assert (order.state, order.cancellation_reason) == (OrderState.CANCELLED, "Établissement inconnu.")
    assert not Entitlement.objects.exists()
