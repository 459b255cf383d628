"""A random year of sales, exported: to the cent, by any cut of its periods, and the same each time."""

from __future__ import annotations

import datetime
from collections import defaultdict
from decimal import Decimal

import pytest
from django.db.models import Sum

from core.calendar import date_in_paris
from licensing.billing.models import Invoice
from licensing.payments.models import Payment
from tests.accounting.books import export, export_lines
from tests.accounting.fec_checker import amount, list_faults, read_fec, signed, sum_accounts
from tests.sites.audit.test_random_walk import RandomWalk

STEPS = 170
ONE_DAY = datetime.timedelta(days=1)


@pytest.fixture
def year(nimes):
    """The first and the last day of some months of random sales."""
    walk = RandomWalk(40, nimes)
    walk.GO_ON = tuple(act for act in walk.GO_ON if act not in LEFT_OUT) + MONEY * 2
    walk.BEGIN = (RandomWalk.place, RandomWalk.place, RandomWalk.purchase, RandomWalk.order_as_a_person)
    begun = date_in_paris(walk.at)
    for _ in range(STEPS):
        walk.step()
    assert walk.done["reverse"] and walk.done["cancel"] and walk.done["reinvoice"] and walk.done["pay_by_card"]
    return begun, date_in_paris(walk.at)


LEFT_OUT = {RandomWalk.upload, RandomWalk.refuse, RandomWalk.prolong, RandomWalk.suspend, RandomWalk.restore}
MONEY = (
    RandomWalk.confirm, RandomWalk.pay, RandomWalk.pay, RandomWalk.pay, RandomWalk.pay_by_card, RandomWalk.give_back,
    RandomWalk.move, RandomWalk.follow, RandomWalk.reinvoice, RandomWalk.refund,
)  # fmt: skip


def test_a_random_year_agrees_with_the_books_to_the_cent(year):
    start, end = year
    lines = export_lines(start, end)
    assert list_faults(lines, start=start, end=end) == []
    sums = sum_accounts(lines)
    documents = list(Invoice.objects.all())
    signs = {"invoice": 1, "credit_note": -1}
    received = Payment.objects.aggregate(total=Sum("amount"))["total"]
    owed = sum(signs[one.kind] * one.total_ttc for one in documents) - received
    assert len(documents) > 20
    assert sums.get("411000", 0) + sums.get("419700", 0) == owed
    sales = defaultdict(Decimal)
    for one in documents:
        for rate in one.snapshot["rates"]:
            sales[rate["category"], "ht"] -= signs[one.kind] * Decimal(rate["total_ht"])
            sales[rate["vat_rate"], "vat"] -= signs[one.kind] * Decimal(rate["total_vat"])
    for account, key in {"706100": "E", "706200": "G", "706300": "AE"}.items():
        assert sums.get(account, 0) == sales[key, "ht"]
    # What is deferred at a close is in 487 until the next day.
    assert sums["706000"] + sums.get("487000", 0) == sales["S", "ht"]
    assert sums["44571200"] == sales["20.00", "vat"]
    assert sums.get("44571085", 0) == sales["8.50", "vat"]
    money = Payment.objects.exclude(kind__in=["moved_in", "moved_out"])
    assert sums["511500"] == money.filter(method="card").aggregate(total=Sum("amount"))["total"]
    assert sums["512000"] == money.exclude(method="card").aggregate(total=Sum("amount"))["total"]


def test_each_client_owes_what_their_orders_say(year):
    start, end = year
    clients = defaultdict(Decimal)
    for line in export_lines(start, end):
        if line["CompAuxNum"]:
            clients[line["CompAuxNum"]] += signed(line)
    expected = defaultdict(Decimal)
    for one in Invoice.objects.order_by("pk"):
        buyer, order = one.snapshot["buyer"], one.order
        key = (
            f"C{buyer['siret'] or buyer['siren'] or buyer['vat_number']}"
            if buyer["siret"] or buyer["siren"] or buyer["vat_number"]
            else f"COLL{order.collectivity_id}" if order.collectivity_id else f"ACH{order.placed_by_id}"
        )  # fmt: skip
        if one.kind == "invoice" and not Invoice.objects.filter(corrects=one).exists():
            expected[key] += one.total_ttc - (order.payments.aggregate(total=Sum("amount"))["total"] or 0)
        elif one.kind == "credit_note" and one.order.state == "cancelled" and one == order.invoices.order_by("pk").last():
            expected[key] -= order.payments.aggregate(total=Sum("amount"))["total"] or 0
    assert {key: total for key, total in clients.items() if total} == {k: v for k, v in expected.items() if v}


def test_the_same_period_has_the_same_bytes_and_its_parts_add_up(year):
    """Cut anywhere, with what came later: numbers go on, and no line differs but for what was settled later."""
    start, end = year
    complete = export(start, end)
    assert export(start, end) == complete
    middle = start + (end - start) / 2
    first, second = export_lines(start, middle), export_lines(middle + ONE_DAY, end)
    assert list_faults(first, start=start, end=middle) == []
    apart = first + second
    later = {"EcritureLet", "DateLet"}
    assert [{k: v for k, v in one.items() if k not in later} for one in apart] == [
        {k: v for k, v in one.items() if k not in later} for one in read_fec(complete)
    ]


def test_what_is_lettered_is_settled_and_what_is_open_is_not(year):
    start, end = year
    open_lines, totals = defaultdict(Decimal), Decimal(0)
    for line in export_lines(start, end):
        if line["CompAuxNum"] and not line["EcritureLet"]:
            open_lines[line["CompteNum"], line["CompAuxNum"]] += signed(line)
        totals += amount(line["Debit"]) - amount(line["Credit"])
    assert totals == 0
    settled = [order for order in Payment.objects.values_list("order", flat=True).distinct() if order]
    letters = {line["EcritureLet"].partition("-")[0] for line in export_lines(start, end)} - {""}
    assert letters <= {str(pk) for pk in Invoice.objects.values_list("order_id", flat=True)}
    assert len(letters & {str(pk) for pk in settled}) > 5
