"""Links to an order's documents: those received from the buyer, and those issued to them."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from core.calendar import date_in_paris
from core.documents import build_file_response
from core.formatting import add_nonbreaking_spaces, euros, long_date
from licensing.billing.models import BillingDocument
from licensing.orders.models import Order
from licensing.payments.models import CardPayment


def list_document_links(order: Order) -> list[tuple[str, str]]:
    """Return (label, URL) of each document; signed purchase orders first, as they need review."""
    return [
        (add_nonbreaking_spaces(label), url)
        for label, url in [
            *_scan_links(order),
            *_invoice_links(order),
            *_document_links(order),
            *_card_payment_links(order),
        ]
    ]


def _scan_links(order: Order) -> Iterator[tuple[str, str]]:
    for scan in order.scans.defer("content").order_by("-pk"):
        received, decision = long_date(date_in_paris(scan.received_at)), scan.get_state_display().lower()
        yield (
            f"Bon de commande signé « {scan.filename} », déposé le {received} ({decision})",
            reverse("admin:orders_purchaseorderscan_file", args=[scan.pk]),
        )


def _invoice_links(order: Order) -> Iterator[tuple[str, str]]:
    for invoice in order.invoices.defer("xml", "snapshot").order_by("-pk"):
        yield (
            f"{invoice.get_kind_display()} {invoice.number}, {euros(invoice.total_ttc)}",
            reverse("admin:billing_invoice_change", args=[invoice.pk]),
        )


def _card_payment_links(order: Order) -> Iterator[tuple[str, str]]:
    for payment in CardPayment.objects.filter(order=order).order_by("-pk"):
        yield f"{payment}", reverse("admin:payments_cardpayment_change", args=[payment.pk])


def _document_links(order: Order) -> Iterator[tuple[str, str]]:
    for document in order.documents.filter(invoice__isnull=True).defer("content").order_by("-pk"):
        yield (
            f"{document.get_kind_display()} {document.number}",
            reverse("admin:orders_order_document", args=[document.pk]),
        )


def download_document(request: HttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Return a document as it was issued."""
    document = get_object_or_404(BillingDocument, pk=pk)
    return build_file_response(
        document.content, name=f"{document.number}.pdf", content_type="application/pdf", inline=True
    )
