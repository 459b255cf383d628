"""Batches of invoices to deposit, one a route: a ZIP archive of PDFs and nothing else, and a CSV list beside it.

A platform takes every file of an archive for an invoice. Read-only: `operations.record_deposit` records the deposit.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterable
from decimal import Decimal
from typing import IO

from django.db.models import Exists, OuterRef, Q, QuerySet

from core import formatting
from core.calendar import PARIS
from core.spreadsheets import build_csv
from licensing.billing.invoicing.invoice_snapshot import InvoiceSnapshot
from licensing.billing.invoicing.stored_pdf import get_or_create_document
from licensing.billing.models import REJECTED_STATES, Invoice, InvoiceRoute, PlatformStatus
from licensing.billing.transmission.models import Transmission
from licensing.orders.buyer_kinds import BuyerKind

#: Maximum number of invoices in an archive: the platforms' limit.
MAX_BATCH_SIZE = 100

_HEADERS = (
    "Fichier",
    "Nature",
    "Numéro",
    "Date",
    "Échéance",
    "Client",
    "SIRET",
    "SIREN",
    "Code service",
    "Numéro d'engagement",
    "Total HT",
    "TVA",
    "Total TTC",
    "Facture corrigée",
)


def list_undeposited(route: InvoiceRoute | None = None) -> QuerySet[Invoice]:
    """Return the invoices and credit notes to deposit that have no platform status, oldest first.

    `route`: only those that go that way. Excludes those to consumers, which no platform takes; those on their way to a
    platform; and credit notes of rejected invoices, which the payer never booked.
    """
    identified = ~Q(snapshot__buyer__siret="") | Q(snapshot__buyer__siren__gt="")
    statuses = PlatformStatus.objects.effective()
    waiting = Invoice.objects.exclude(buyer_kind=BuyerKind.CONSUMER).filter(identified)
    waiting = waiting.exclude(Exists(statuses.filter(invoice=OuterRef("pk"))))
    waiting = waiting.exclude(Exists(Transmission.objects.live().filter(invoice=OuterRef("pk"))))
    rejected = Exists(statuses.filter(invoice=OuterRef("corrects"), state__in=REJECTED_STATES))
    waiting = waiting.exclude(rejected)
    if route is not None:
        waiting = waiting.by_route(route)
    return waiting.order_by("year", "sequence")


def write_batch(file: IO[bytes], invoices: Iterable[Invoice], *, at: datetime.datetime) -> None:
    """Write a ZIP archive of the Factur-X PDFs into `file`."""
    # PDFs are already compressed.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for invoice in invoices:
            content = bytes(get_or_create_document(invoice, at=at).content)
            archive.writestr(zipfile.ZipInfo(_file_name(invoice), at.astimezone(PARIS).timetuple()[:6]), content)


def build_batch_list(invoices: Iterable[Invoice]) -> bytes:
    """Return the CSV list of a batch, one line a file of the archive, as spreadsheets read it."""
    return build_csv(_HEADERS, map(_row, invoices))


def _file_name(invoice: Invoice) -> str:
    return f"{invoice.number}.pdf"


def _row(invoice: Invoice) -> list[str]:
    snapshot: InvoiceSnapshot = invoice.snapshot
    buyer, corrects = snapshot["buyer"], snapshot["corrects"]
    return [
        _file_name(invoice),
        invoice.get_kind_display(),
        invoice.number,
        formatting.short_date(invoice.issued_on),
        formatting.short_date(invoice.due_on),
        buyer["name"],
        buyer["siret"],
        buyer.get("siren", ""),
        buyer["service_code"],
        buyer["engagement_number"],
        *(str(Decimal(snapshot[total])).replace(".", ",") for total in ("total_ht", "total_vat", "total_ttc")),
        corrects["number"] if corrects else "",
    ]
