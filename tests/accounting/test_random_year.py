"""A random year of sales, exported: to the cent, cut anywhere, and the same each time."""

import datetime
from collections import defaultdict
from decimal import Decimal

import pytest
from django.db.models import Sum

from core.calendar import date_in_paris
from licensing.books.billing.models import Invoice
from licensing.orders.models import Order
from licensing.payments.models import Payment
from tests.accounting.books import MoneyYear, export, export_lines
from tests.accounting.fec_checker import list_faults, read_fec, signed, sum_accounts

STEPS = 110
ONE_DAY = datetime.timedelta(days=1)
SIGNS = {"invoice": 1, "credit_note": -1}


@pytest.mark.parametrize("steps", [8, pytest.param(STEPS, marks=pytest.mark.slow)])
def test_a_random_year_agrees_with_the_books_to_the_cent(nimes, steps):
    year = MoneyYear(41, nimes)
    year.run(steps)
    start, end = year.start, date_in_paris(year.at)
    complete = export(start, end)
    lines = read_fec(complete)
    assert list_faults(lines, start=start, end=end) == []
    assert_accounts_agree(sum_accounts(lines))
    assert_clients_agree(lines)
    assert_letters_agree(lines)
    assert export(start, end) == complete
    lettered_later = assert_parts_add_up(lines, start, end)
    if steps == STEPS:
        assert_everything_was_drawn(year, lines)
        assert lettered_later


def assert_everything_was_drawn(year, lines):
    """The year has all that may happen, and enough of it."""
    assert {"moved", *(act.__name__ for act in MoneyYear.ACTS)} <= year.done.keys()
    assert "487000" in sum_accounts(lines)
    assert len([rate for rate, total in sum_sales().items() if total]) > 3
    assert len(list_settled_orders()) > 2
    assert sum(line["EcritureLet"] != "" for line in lines) > 40


def assert_accounts_agree(sums):
    """Each account says what the documents and the payments say."""
    sales = sum_sales()
    payments = Payment.objects.exclude(kind__in=["moved_in", "moved_out"])
    received = sum_amounts(payments)
    expected = {
        "44571200": sales["20.00"],
        "44571085": sales["8.50"],
        # A cheque received waits to be deposited; one that gives back leaves the bank.
        "511200": sum_amounts(payments.filter(method="cheque").exclude(kind="refunded")),
        "511500": sum_amounts(payments.filter(method="card")),
        "512000": sum_amounts(
            payments.exclude(method="card").exclude(method="cheque", kind__in=["received", "reversed"])
        ),
        "706100": sales["E"],
        "706200": sales["G"],
        "706300": sales["AE"],
    }
    assert {account: sums.get(account, 0) for account in expected} == expected
    # What is deferred at a close is back on the next day.
    assert sums.get("487000", 0) == 0
    assert sums["706000"] == sales["S"]
    invoiced = sum(SIGNS[one.kind] * one.total_ttc for one in Invoice.objects.all())
    assert sums["411000"] + sums.get("419700", 0) == invoiced - received


def sum_sales():
    """Return what the documents ask for: of each category before VAT, and of each rate its VAT."""
    sales = defaultdict(Decimal)
    for one in Invoice.objects.all():
        for rate in one.snapshot["rates"]:
            sales[rate["category"]] -= SIGNS[one.kind] * Decimal(rate["total_ht"])
            sales[rate["vat_rate"]] -= SIGNS[one.kind] * Decimal(rate["total_vat"])
    return sales


def list_settled_orders():
    """Return the paid orders for which nothing is owed, nor to be given back."""
    paid = Order.objects.filter(state="paid", payments__isnull=False).distinct()
    return [one for one in paid if sum_amounts(one.payments) == one.owed]


def sum_amounts(payments):
    return payments.aggregate(total=Sum("amount", default=Decimal(0)))["total"]


def assert_clients_agree(lines):
    """What an order's documents ask for and its payments leave is on the account of the client of the last one."""
    found, expected = defaultdict(Decimal), defaultdict(Decimal)
    for line in lines:
        if line["CompAuxNum"]:
            found[line["CompAuxNum"]] += signed(line)
    for order in Order.objects.filter(invoices__isnull=False).distinct():
        documents = list(order.invoices.order_by("pk"))
        buyer = documents[-1].snapshot["buyer"]
        registered = buyer["siret"] or buyer["siren"] or buyer["vat_number"]
        other = f"COLL{order.collectivity_id}" if order.collectivity_id else f"ACH{order.placed_by_id}"
        expected[f"C{registered}" if registered else other] += sum(
            SIGNS[one.kind] * one.total_ttc for one in documents
        ) - sum_amounts(order.payments)
    assert {client: total for client, total in found.items() if total} == {
        client: total for client, total in expected.items() if total
    }


def assert_letters_agree(lines):
    """What is open of each order, as its letters say it, is what is owed for it, or to be given back."""
    opened, order_of = defaultdict(Decimal), {}
    for one in Invoice.objects.all():
        order_of[one.number] = one.order_id
    for line in lines:
        if line["CompAuxNum"] and not line["EcritureLet"] and not line["EcritureLib"].startswith("Trop-perçu"):
            opened[order_of[line["PieceRef"]]] += signed(line)
    assert all(not opened.get(one.pk) for one in list_settled_orders())


def assert_parts_add_up(lines, start, end):
    """Cut in two files, the numbers go on, and no line differs but for what was settled afterwards: return those."""
    middle = start + (end - start) / 2
    first, second = export_lines(start, middle), export_lines(middle + ONE_DAY, end)
    assert list_faults(first, start=start, end=middle) == []

    def drop_letters(some):
        return [{name: text for name, text in one.items() if not name.endswith("Let")} for one in some]

    assert drop_letters(first + second) == drop_letters(lines)
    return [one for one, complete in zip(first, lines, strict=False) if one != complete]
