"""Search of invoices: number as banks write it, amount, client; by index."""

from decimal import Decimal

import pytest
from django.db import connection

from licensing.books.billing import invoicing
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import parse, parse_amount, search_invoices
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory


@pytest.mark.parametrize(
    "text",
    [
        "P2026-000010",
        "P2026 000010",
        "p2026-10",
        "p 2026 10",
        "P2026000010",
        "P202610",
        "2026-000010",
        "VIR MANDAT 4512 P2026 000010 ECOLES",
    ],
)
def test_a_number_is_read_as_banks_write_it(text):
    assert parse(text).numbers == [(2026, 10)]


def test_several_numbers_are_read_from_one_label():
    assert parse("P2026 000010 P2026-12").numbers == [(2026, 10), (2026, 12)]


@pytest.mark.parametrize("text", ["P2026", "P2026-0", "XP2026-10", "P2026-1234567", "École 2026 10"])
def test_other_texts_are_no_numbers(text):
    assert parse(text).numbers == []


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1 234,50", "1234.50"),
        ("1\u202f234,50\u00a0€", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1234.5", "1234.50"),
        ("199", "199.00"),
        ("-49,00 EUR", "49.00"),
        ("3\u2009650\u00a0\u00a0euros", "3650.00"),
    ],
)
def test_an_amount_is_read_as_french_writes_it(text, amount):
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "12 34", "1,234", "Nîmes", "1 234,505", "199 €/an"])
def test_other_texts_are_no_amounts(text):
    assert parse_amount(text) is None


@pytest.mark.slow
@pytest.mark.django_db
def test_an_invoice_is_found_by_what_it_says():
    """By the client as invoiced: the order's name may be corrected afterwards."""
    order = StoredOrderFactory(five_classes=True, bill_name="Mairie de Saint-Étienne", siret="21300189400012")
    wanted = invoicing.issue_invoice(order, at=TERM)
    other = StoredOrderFactory(card_purchase=True)
    invoicing.issue_invoice(other, at=TERM, paid_by_card=True)
    order.bill_name = "Autre nom"
    order.save(update_fields=["bill_name"])
    for text in (
        "p2026 1",
        wanted.number.lower(),
        "199,00",
        "199",
        "saint etienne",
        "ÉTIENNE mairie",
        "213 001 894 00012",
        "213001894",
        str(order.pk),
    ):
        assert wanted in search_invoices(Invoice.objects.all(), text), text
        assert Invoice.objects.exclude(pk=wanted.pk).get() not in search_invoices(Invoice.objects.all(), text) or (
            text == str(order.pk)
        ), text
    for text in ("Autre nom", "198,99", "p2026-3", "saint denis", "21300189400020"):
        assert not search_invoices(Invoice.objects.all(), text).exists(), text


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["P2026 000010", "1 234,50", "Mairie de Nîmes", "213 001 894 00012", "199"])
def test_a_search_uses_the_indexes(text):
    """The planner, told that reading everything is dear, needs no sequential scan of the invoices."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        sql, params = search_invoices(Invoice.objects.only("pk"), text).query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on billing_invoice" not in plan, plan
    assert "Index Cond" in plan
