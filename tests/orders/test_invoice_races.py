"""A hundred invoices at once: the numbers follow each other, and what fails leaves no gap."""

from __future__ import annotations

import re

from django.db import transaction
from django_tenants.utils import schema_context

from licensing.orders import invoicing
from licensing.orders.models import Document, Invoice, InvoiceSequence
from licensing.orders.operations.locking import locked
from tests.conftest import TERM
from tests.orders import invoiced
from tests.races import at_once


class Crashed(Exception):
    """Raised between the invoice and the end of its transaction."""


def issue(order_id: int, *, crash: bool) -> str:
    with transaction.atomic():
        invoice = invoicing.issue(locked(order_id), at=TERM)
        if crash:
            raise Crashed
        return invoice.number


def test_a_hundred_at_once_are_numbered_without_a_gap(committing):
    with schema_context("public"):
        first = invoiced.five_classes(school=None)
        orders = [first.pk, *(invoiced.again(first).pk for _ in range(99))]
    outcomes = at_once(
        "public",
        [lambda pk=pk, crash=place % 10 == 3: issue(pk, crash=crash) for place, pk in enumerate(orders)],
        refusals=Crashed,
    )
    given = sorted(number for number in outcomes if isinstance(number, str))
    assert sum(isinstance(outcome, Crashed) for outcome in outcomes) == 10
    assert given == [f"P2026-{rank:06}" for rank in range(1, 91)]
    assert InvoiceSequence.objects.get().last == 90
    # In order of issue: the number grows with the primary key.
    assert list(Invoice.objects.order_by("pk").values_list("sequence", flat=True)) == list(range(1, 91))
    assert all(re.fullmatch(r".{1,20}", number) for number in given)


def test_simultaneous_requests_create_one_document(committing):
    with schema_context("public"), transaction.atomic():
        invoice = invoicing.issue(invoiced.five_classes(), at=TERM)
    documents = at_once("public", [lambda: invoicing.document_of(invoice, at=TERM).sha256] * 4, refusals=())
    assert set(documents) == {Document.objects.get().sha256}
