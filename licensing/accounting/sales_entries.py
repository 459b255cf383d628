"""Entries of the sales journal: invoices and credit notes, as their snapshots say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KT

from licensing.accounting.journals import AccountingEntry, EntryLine, Journal, Period
from licensing.accounting.order_ledger import MovementKind
from licensing.accounting.order_movements import load_postings
from licensing.billing.models import Invoice, InvoiceKind
from licensing.orders.vat import VatCategory

#: Rows read at a time.
BATCH_SIZE = 500
#: VAT category → account of the sale.
SALES_ACCOUNTS: dict[str, str] = {
    VatCategory.STANDARD: "sales",
    VatCategory.EXEMPT: "sales_exempt",
    VatCategory.EXPORT: "sales_outside_eu",
    VatCategory.REVERSE_CHARGE: "sales_reverse_charge",
}
#: VAT rate in per cent → account of the VAT.
VAT_ACCOUNTS = {
    Decimal(20): "vat_20",
    Decimal(10): "vat_10",
    Decimal("8.5"): "vat_8_5",
    Decimal("5.5"): "vat_5_5",
    Decimal("2.1"): "vat_2_1",
}
OTHER_VAT_ACCOUNT = "vat_other"


def iterate_sales_entries(period: Period) -> Iterator[AccountingEntry]:
    """Yield the entries of the invoices and credit notes of a period, in the order of their numbers."""
    invoices = (
        Invoice.objects.filter(issued_on__range=period)
        .order_by("year", "sequence")
        .values(
            "pk",
            "order_id",
            "kind",
            "number",
            "issued_on",
            rates=F("snapshot__rates"),
            buyer=KT("snapshot__buyer__name"),
        )
    )
    for batch in itertools.batched(invoices.iterator(chunk_size=BATCH_SIZE), BATCH_SIZE, strict=False):
        postings = load_postings({row["order_id"] for row in batch}, until=period.end)
        for row in batch:
            client_lines = postings[row["order_id"]][MovementKind.DOCUMENT, row["pk"]].lines
            yield _build_sale(row, client_lines)


def _build_sale(row: Any, client_lines: tuple[EntryLine, ...]) -> AccountingEntry:
    is_invoice = row["kind"] == InvoiceKind.INVOICE
    sign = -1 if is_invoice else 1
    lines = list(client_lines)
    for rate in row["rates"]:
        lines.append(EntryLine(SALES_ACCOUNTS[rate["category"]], sign * Decimal(rate["total_ht"])))
        vat_account = VAT_ACCOUNTS.get(Decimal(rate["vat_rate"]), OTHER_VAT_ACCOUNT)
        lines.append(EntryLine(vat_account, sign * Decimal(rate["total_vat"])))
    return AccountingEntry(
        journal=Journal.SALES,
        on=row["issued_on"],
        piece=row["number"],
        piece_on=row["issued_on"],
        label=f"{'Facture' if is_invoice else 'Avoir'} {row['number']} {row['buyer']}",
        lines=tuple(line for line in lines if line.amount),
    )
