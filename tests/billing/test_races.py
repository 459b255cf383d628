"""Many invoices at once: the numbers follow each other, and what fails leaves no gap."""

import re

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from licensing.books.billing import invoicing, snapshots
from licensing.books.billing.models import BillingDocument, Invoice, InvoiceSequence, SkippedNumbers
from licensing.orders.models import Order
from licensing.orders.order_events import lock_order
from tests.conftest import TERM
from tests.factories.orders import StoredOrderFactory
from tests.races import run_concurrently


class Crashed(Exception):
    """Raised between the invoice and the end of its transaction."""


def issue(order_id: int, *, crash: bool) -> str:
    with transaction.atomic():
        invoice = invoicing.issue_invoice(lock_order(order_id), at=TERM)
        if crash:
            raise Crashed
        return invoice.number


def duplicate(order: Order) -> Order:
    """Duplicate the order for the same buyer."""
    lines = list(order.lines.all())
    order.pk = None
    order.save(force_insert=True)
    for line in lines:
        line.pk, line.order = None, order
        line.save(force_insert=True)
    return order


@pytest.mark.slow
@pytest.mark.parametrize("tens", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_tens_at_once_are_numbered_without_a_gap(committing, tens):
    with schema_context("public"):
        first = StoredOrderFactory(five_classes=True, school=None)
        orders = [first.pk, *(duplicate(first).pk for _ in range(10 * tens - 1))]
    outcomes = run_concurrently(
        "public",
        [lambda pk=pk, crash=place % 10 == 3: issue(pk, crash=crash) for place, pk in enumerate(orders)],
        expected_errors=Crashed,
    )
    given = sorted(number for number in outcomes if isinstance(number, str))
    assert sum(isinstance(outcome, Crashed) for outcome in outcomes) == tens
    assert given == [f"P2026-{rank:06}" for rank in range(1, 9 * tens + 1)]
    assert InvoiceSequence.objects.get().last == 9 * tens
    # In order of issue: the number grows with the primary key.
    assert list(Invoice.objects.order_by("pk").values_list("sequence", flat=True)) == list(range(1, 9 * tens + 1))
    assert all(re.fullmatch(r".{1,20}", number) for number in given)


def test_simultaneous_requests_create_one_document(committing):
    with schema_context("public"), transaction.atomic():
        invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    documents = run_concurrently(
        "public", [lambda: invoicing.get_or_create_document(invoice, at=TERM).sha256] * 4, expected_errors=()
    )
    assert set(documents) == {BillingDocument.objects.get().sha256}


@pytest.mark.slow
def test_numbers_are_skipped_while_invoices_are_issued(committing):
    """Whoever skips waits for the invoice that is being issued, and the next one for what is skipped."""
    with schema_context("public"):
        first = StoredOrderFactory(five_classes=True, school=None)
        orders = [first.pk, *(duplicate(first).pk for _ in range(19))]

    def skip(rank: int) -> None:
        with transaction.atomic():
            snapshots.skip_numbers(year=2026, up_to=rank, reason="Base restaurée.", day=TERM.date(), at=TERM)

    actions = [lambda pk=pk: issue(pk, crash=False) for pk in orders]
    actions += [lambda rank=rank: skip(rank) for rank in (8, 16, 40, 80)]
    run_concurrently("public", actions, expected_errors=())
    numbers = list(Invoice.objects.order_by("sequence").values_list("sequence", flat=True))
    skipped = [rank for one in SkippedNumbers.objects.all() for rank in range(one.first, one.last + 1)]
    assert len(numbers) == 20
    assert sorted([*numbers, *skipped]) == list(range(1, InvoiceSequence.objects.get().last + 1))
