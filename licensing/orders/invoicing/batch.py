"""The invoices that wait for Chorus Pro or an approved platform: in one archive, with a list of what it holds.

Looking and downloading change nothing; that a batch was deposited is recorded by `operations.record_deposit`.
"""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from typing import IO, TYPE_CHECKING

from licensing.catalogue.operations import PARIS
from licensing.orders.invoicing.documents import document_of
from licensing.orders.models import TURNED_DOWN, Invoice
from web import typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from licensing.orders.invoicing.facts import Facts

#: Platforms take so many at a time, and a browser so large an archive.
LARGEST_BATCH = 100
LIST_NAME = "liste.csv"

_HEADERS = (
    "Fichier",
    "Nature",
    "Numéro",
    "Date",
    "Échéance",
    "Client",
    "SIRET",
    "Code service",
    "Numéro d'engagement",
    "Total HT",
    "TVA",
    "Total TTC",
    "Facture annulée",
)
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@")


def to_deposit() -> QuerySet[Invoice]:
    """Return the invoices and credit notes that nothing was recorded of on a platform, the oldest first.

    Those to payers with a SIRET alone: to a private person nothing is deposited. Nor is the credit note of an invoice
    that was turned down, which no accounts office has booked: it would take away what is not there.
    """
    waiting = Invoice.objects.filter(statuses__isnull=True).exclude(facts__buyer__siret="")
    waiting = waiting.exclude(corrects__statuses__state__in=TURNED_DOWN)
    return waiting.order_by("year", "sequence")


def write(file: IO[bytes], invoices: Iterable[Invoice], *, at: datetime.datetime) -> None:
    """Write an archive of the PDFs, each with its XML inside, and the list of them, into `file`."""
    listed = io.StringIO()
    rows = csv.writer(listed, delimiter=";", lineterminator="\r\n")
    rows.writerow(_HEADERS)
    # PDFs are compressed already.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for invoice in invoices:
            name = f"{invoice.number}.pdf"
            _put(archive, name, bytes(document_of(invoice, at=at).content), at)
            rows.writerow(_row(name, invoice))
        # With a mark of UTF-8, by which spreadsheets tell it from their own alphabet.
        _put(archive, LIST_NAME, listed.getvalue().encode("utf-8-sig"), at)


def _put(archive: zipfile.ZipFile, name: str, content: bytes, at: datetime.datetime) -> None:
    archive.writestr(zipfile.ZipInfo(name, at.astimezone(PARIS).timetuple()[:6]), content)


def _row(name: str, invoice: Invoice) -> list[str]:
    facts: Facts = invoice.facts
    buyer, corrects = facts["buyer"], facts["corrects"]
    return [
        name,
        invoice.get_kind_display(),
        invoice.number,
        typography.short_day(invoice.issued_on),
        typography.short_day(invoice.due_on),
        _text(buyer["name"]),
        _text(buyer["siret"]),
        _text(buyer["service_code"]),
        _text(buyer["engagement_number"]),
        *(str(Decimal(facts[total])).replace(".", ",") for total in ("total_ht", "total_vat", "total_ttc")),
        corrects["number"] if corrects else "",
    ]


def _text(value: str) -> str:
    """Return a text that no spreadsheet computes: a buyer typed it."""
    return f"'{value}" if value.startswith(_FORMULA) else value
