"""The papers of an order, as its card leads to them: what the buyer sent, and what he was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse

from licensing.catalogue.operations import day_in_france
from licensing.orders.admin import files
from licensing.orders.models import CardPayment, Document
from web.typography import day, euros, spaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

    from licensing.orders.models import Order


def links(order: Order) -> list[tuple[str, str]]:
    """Return (label, address) of each: the signed purchase orders first, as they are to be looked at."""
    return [
        (spaced(label), address)
        for label, address in [*_scans(order), *_invoices(order), *_papers(order), *_cards(order)]
    ]


def _scans(order: Order) -> Iterator[tuple[str, str]]:
    for scan in order.scans.defer("content").order_by("-pk"):
        came, decided = day(day_in_france(scan.received_at)), scan.get_state_display().lower()
        yield (
            f"Bon de commande signé « {scan.filename} », déposé le {came} ({decided})",
            reverse("admin:orders_purchaseorderscan_file", args=[scan.pk]),
        )


def _invoices(order: Order) -> Iterator[tuple[str, str]]:
    for invoice in order.invoices.defer("xml", "facts").order_by("-pk"):
        yield (
            f"{invoice.get_kind_display()} {invoice.number}, {euros(invoice.total_ttc)}",
            reverse("admin:orders_invoice_change", args=[invoice.pk]),
        )


def _cards(order: Order) -> Iterator[tuple[str, str]]:
    for payment in CardPayment.objects.filter(order=order).order_by("-pk"):
        yield f"{payment}", reverse("admin:orders_cardpayment_change", args=[payment.pk])


def _papers(order: Order) -> Iterator[tuple[str, str]]:
    for document in order.documents.filter(invoice__isnull=True).defer("content").order_by("-pk"):
        yield (
            f"{document.get_kind_display()} {document.number}",
            reverse("admin:orders_order_paper", args=[document.pk]),
        )


def paper(request: HttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Hand out a document as it was issued."""
    document = get_object_or_404(Document, pk=pk)
    return files.answer(document.content, name=f"{document.number}.pdf", content_type="application/pdf")
