"""`manage.py audit` detects each broken accounting invariant, and nothing after ordinary sales."""

import datetime

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from core.calendar import date_in_paris
from core.cells import Cell, CellMap
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.invoicing import get_or_create_document
from licensing.books.billing.models import Invoice
from licensing.orders import purchase_orders
from licensing.orders.models import Order
from sites.audit.checks import PUBLIC_INVARIANTS
from sites.audit.sales_checks import find_vat_violations
from sites.back_office import work_items
from tests.accounting.provider_balance import record_movement, record_movements
from tests.database_roles import execute_as_administrator
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.assertions import list_violations
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled

BOOKS = {
    "invoice_numbers",
    "documents",
    "totals",
    "credit_notes",
    "card_refunds",
    "one_invoice",
    "paid",
    "corrections",
    "rights_opened",
    "rights_follow",
    "rights_stop",
    "taken_back",
    "suspensions",
    "vat",
    "provider_balance",
}


@pytest.fixture
def sold(nimes):
    """Orders in each state: a draft, placed with a scan and without, invoiced, paid both ways, cancelled, lapsed."""
    now = timezone.now()
    OrderFactory(current=True)
    OrderFactory(current=True, scanned=True)
    OrderFactory(current=True, placed=True, at=now - datetime.timedelta(days=60))
    purchase_orders.remind_and_lapse(now)
    PurchaseFactory(current=True, placed=True)
    OrderFactory(current=True, confirmed=True)
    get_or_create_document(Invoice.objects.get(), at=now)
    billing_operations.record_platform_status(invoice_id=Invoice.objects.get().pk, state="deposited", by=None, at=now)
    OrderFactory(current=True, paid=True)
    actions.reverse(OrderFactory(current=True, paid=True), amount="99", at=now)
    overpaid, owed = OrderFactory(current=True, paid=True), OrderFactory(current=True, confirmed=True)
    actions.pay(overpaid, amount="50", reference="VIR 2", at=now)
    actions.move(overpaid, owed, amount="20", at=now)
    # A refund on the card, that the provider was asked for.
    actions.credit(OrderFactory(current=True, paid_by_card=True), licences=1, at=now)
    actions.credit(OrderFactory(current=True, confirmed=True), licences=1, amount="10", at=now)
    card = OrderFactory(current=True, paid_by_card=True).payments.get().card
    record_movements(card)
    record_movement("refund", "-50", card=card, at=now)
    OrderFactory(current=True, cancelled=True)


def is_broken(code):
    """Tell whether a rule is broken: alone, of all that `broken` looks at."""
    if code == "vat":
        return any(find_vat_violations())
    return bool(list_violations([rule for rule in PUBLIC_INVARIANTS if rule.code == code]))


def broken():
    return set(list_all_violations())


@pytest.mark.slow
def test_the_books_are_sound_in_every_order_state(sold):
    assert set(Order.objects.values_list("state", flat=True)) == {
        "draft", "placed", "lapsed", "confirmed", "paid", "cancelled"
    }  # fmt: skip
    assert Invoice.objects.count() == 12
    assert broken() == set()


@pytest.mark.slow
def test_the_numbers_of_a_cell_are_sound_after_those_of_before(nimes, settings):
    with schema_context("public"):
        before = OrderFactory(current=True, confirmed=True).invoices.get()
        settings.CELLS = CellMap(Cell("OC", "peps.localhost", "Occitanie"))
        invoice = OrderFactory(current=True, confirmed=True).invoices.get()
        assert (before.number[:5], invoice.number[:8]) == (f"P{before.year}", f"OC-P{before.year}")
        assert invoice.sequence == before.sequence + 1
    assert broken() == set()


def _set(column, value, state):
    return (
        f"UPDATE public.entitlements_entitlement SET {column} = {value} WHERE id IN (SELECT line.entitlement_id FROM "  # noqa: S608 - our own words
        f"public.orders_orderline AS line JOIN public.orders_order AS sale ON sale.id = line.order_id "
        f"WHERE sale.state = '{state}' AND sale.kind = 'shop')"
    )


WITHDRAWAL = """
INSERT INTO public.orders_contractwithdrawal (order_id, name, at, by_id)
SELECT id, 'Camille', now(), placed_by_id FROM public.orders_order WHERE state = 'confirmed'
"""
_LINES_OF_INVOICED = (
    "UPDATE public.orders_orderline SET {} "
    "WHERE order_id IN (SELECT id FROM public.orders_order WHERE state = 'confirmed')"
)
_MOVEMENTS = "UPDATE public.accounting_balancetransaction SET"
BREACHES = [
    ("invoice_numbers", "DELETE FROM public.billing_invoice WHERE sequence = 2"),
    ("invoice_numbers", "UPDATE public.billing_invoicesequence SET last = last + 1"),
    ("invoice_numbers", "UPDATE public.billing_invoice SET issued_on = issued_on - 1 WHERE sequence = 3"),
    ("documents", "UPDATE public.billing_billingdocument SET content = '%PDF' WHERE invoice_id IS NOT NULL"),
    ("documents", "UPDATE public.orders_purchaseorderscan SET content = '%PDF'"),
    ("totals", "UPDATE public.orders_order SET total_ht = 1, total_vat = 0, total_ttc = 1 WHERE state = 'draft'"),
    ("totals", "UPDATE public.billing_invoice SET total_ht = 1, total_vat = 0, total_ttc = 1 WHERE sequence = 1"),
    ("credit_notes", "UPDATE public.billing_invoice SET order_id = 1 WHERE kind = 'credit_note'"),
    ("credit_notes", "DELETE FROM public.billing_invoice WHERE is_partial"),
    ("credit_notes", "UPDATE public.billing_invoice SET is_partial = true WHERE kind = 'credit_note'"),
    ("credit_notes",
    "UPDATE public.billing_invoice SET total_ht = total_ht - 1, total_ttc = total_ttc - 1 WHERE corrects_id > 0"),
    ("credit_notes", "UPDATE public.orders_order SET credited = credited + 1 WHERE credited > 0"),
    ("credit_notes", "UPDATE public.orders_orderline SET taken_back = taken_back + 1 WHERE taken_back > 0"),
    ("card_refunds", "DELETE FROM public.procrastinate_jobs"),
    ("card_refunds", "UPDATE public.payments_cardpayment SET captured_amount = captured_amount - 60, message = 'Vu.'"),
    ("one_invoice", "DELETE FROM public.billing_invoice WHERE kind = 'credit_note'"),
    ("one_invoice", "UPDATE public.orders_order SET state = 'confirmed', confirmed_at = now() WHERE state = 'lapsed'"),
    ("paid", "UPDATE public.payments_payment SET amount = amount - 1 WHERE method = 'transfer'"),
    ("paid", "UPDATE public.orders_order SET state = 'confirmed', confirmed_at = now() WHERE state = 'paid'"),
    ("paid",
    "UPDATE public.payments_payment SET order_id = (SELECT id FROM public.orders_order WHERE state = 'lapsed')"),
    ("taken_back", "UPDATE public.payments_payment SET amount = amount * 3 WHERE kind = 'reversed'"),
    ("taken_back", "UPDATE public.payments_payment SET order_id = order_id - 1 WHERE kind = 'reversed'"),
    ("taken_back", "UPDATE public.payments_payment SET amount = amount - 1 WHERE kind = 'moved_in'"),
    ("taken_back", "DELETE FROM public.payments_payment WHERE kind = 'moved_in'"),
    ("corrections", "UPDATE public.billing_platformstatus SET takes_back_id = id, reason = 'Erreur.'"),
    ("corrections", "UPDATE public.payments_payment SET received_on = received_on - 400"),
    ("corrections", "UPDATE public.payments_payment SET received_on = received_on + 400"),
    ("corrections", WITHDRAWAL),
    ("rights_opened", "UPDATE public.orders_order SET state = 'draft' WHERE state = 'lapsed'"),
    ("rights_opened", "DELETE FROM public.entitlements_subscription"),
    ("rights_opened", "DELETE FROM public.entitlements_entitlement WHERE suspended_at IS NULL"),
    ("rights_opened", "UPDATE public.orders_orderline SET entitlement_id = NULL"),
    ("rights_follow", _set("unpaid_until", "last_day", "paid")),
    ("rights_follow", _set("unpaid_until", "NULL", "confirmed")),
    ("rights_follow", "UPDATE public.entitlements_entitlement SET provisional_until = NULL WHERE collectivity_id > 0"),
    ("rights_follow", "UPDATE public.orders_purchaseorderscan SET state = 'accepted'"),
    ("suspensions", _set("suspended_at", "now()", "confirmed")),
    ("suspensions", _set("suspension_cause = 'unpaid', suspended_at", "now()", "paid")),
    ("rights_stop", _set("provisional_until", "last_day", "lapsed")),
    ("rights_stop", _set("provisional_until", "NULL", "lapsed")),
    ("rights_stop", _set("cancelled_at = NULL, suspended_at", "NULL", "cancelled")),
    ("rights_stop", _set("suspended_at = now(), cancelled_at", "now()", "paid")),
    ("vat", "UPDATE public.orders_order SET vat_treatment = '' WHERE state = 'placed'"),
    ("vat", "UPDATE public.orders_order SET bill_postal_code = '97110' WHERE state = 'paid'"),
    ("vat", "UPDATE public.orders_order SET vat_treatment = 'exempt', vat_correction = 'M' WHERE state = 'lapsed'"),
    ("vat", _LINES_OF_INVOICED.format("vat_rate = 10")),
    ("provider_balance", f"{_MOVEMENTS} amount = 198, net = 198 - fee WHERE kind = 'charge'"),
    ("provider_balance", f"{_MOVEMENTS} kind = 'charge' WHERE kind = 'refund'"),
    ("provider_balance", f"{_MOVEMENTS} amount = -200, net = -200 WHERE kind = 'refund'"),
]  # fmt: skip


def sell_by_card():
    order = OrderFactory(current=True, paid_by_card=True)
    record_movements(order.payments.get().card)
    actions.credit(order, licences=1, at=timezone.now())


def sell_otherwise():
    OrderFactory(current=True)
    OrderFactory(current=True, scanned=True)
    OrderFactory(current=True, cancelled=True)
    actions.reverse(OrderFactory(current=True, paid=True), amount="99", at=timezone.now())


PAID_BY_CARD = {"card_refunds", "credit_notes", "paid", "provider_balance"}


@pytest.mark.parametrize(
    ("sell", "codes"), sampled([(sell_by_card, PAID_BY_CARD), (sell_otherwise, BOOKS - PAID_BY_CARD)], fast=1)
)
def test_broken_books_are_detected(nimes, sell, codes):
    """Each rule, by one breach; the slow test makes every breach, and in all kinds of sales."""
    sell()
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for code, breach in BREACHES:
            if code in found or code not in codes or "lapsed" in breach:
                continue
            cursor.execute("SAVEPOINT before")
            if execute_as_administrator(breach) and is_broken(code):
                found.add(code)
            cursor.execute("ROLLBACK TO SAVEPOINT before")
    assert found == codes


@pytest.mark.slow
def test_each_broken_accounting_invariant_is_detected(sold):
    """Each breach, made past the ORM and its checks, is rolled back before the next."""
    missed = []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for code, breach in BREACHES:
            cursor.execute("SAVEPOINT before")
            changed = execute_as_administrator(breach)
            if changed == 0 or code not in broken():
                missed.append((code, breach, changed))
            cursor.execute("ROLLBACK TO SAVEPOINT before")
    assert missed == []
    assert {code for code, _ in BREACHES} == BOOKS
    assert broken() == set()


@pytest.mark.slow
def test_a_card_charged_twice_is_awaiting_refund_and_not_a_breach(nimes):
    order = OrderFactory(current=True, paid_by_card=True)
    actions.settle_by_card(order, at=timezone.now())
    assert broken() == set()
    assert work_items.list_waiting_orders("trop-percus", date_in_paris(timezone.now())).get() == order
