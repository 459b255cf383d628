"""What the books say of a period: sales to consumers by day and rate, and what consumers paid.

Sales are invoices less credit notes, by their own day. Payments are what came in less what went back, by the day of the
payment, each split by the rates of its order's invoice. A payment counts once its order is invoiced.
"""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from core.exceptions import Refusal
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.books.e_reporting.models import PeriodReport, ReportKind
from licensing.catalogue.models import Seller
from licensing.orders.payers import BuyerKind
from licensing.payments.collection_statements import split_by_rate
from licensing.payments.models import Payment

_SIREN_DIGITS = 9
# TT-81: services with French VAT; sales without.
_SERVICES, _NOT_TAXED = "TPS1", "TNT1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow:
    """An amount of an invoice or a payment, on a day and at a VAT rate. Of a payment, only `ttc` is known."""

    source_id: int
    on: datetime.date
    vat_rate: Decimal
    ht: Decimal
    vat: Decimal
    ttc: Decimal


def list_rows(kind: str, *, begins_on: datetime.date, ends_on: datetime.date) -> list[BookRow]:
    """Return the sales to consumers of the days, or what consumers paid on them."""
    days = (begins_on, ends_on)
    if kind == ReportKind.SALES:
        return read_sales(Invoice.objects.filter(buyer_kind=BuyerKind.CONSUMER, issued_on__range=days))
    return read_payments(Payment.objects.filter(received_on__range=days))


def list_counted(report: PeriodReport) -> list[BookRow]:
    """Return what the books say of the invoices or payments that a report counts."""
    if report.kind == ReportKind.SALES:
        return read_sales(Invoice.objects.filter(pk__in=report.counted))
    return read_payments(Payment.objects.filter(pk__in=report.counted), known_by=report.made_at)


def read_sales(invoices: QuerySet[Invoice]) -> list[BookRow]:
    """Return the amounts of invoices and credit notes by rate, the latter negative."""
    rows = []
    for pk, kind, on, rates in invoices.order_by("pk").values_list("pk", "kind", "issued_on", "snapshot__rates"):
        sign = -1 if kind == InvoiceKind.CREDIT_NOTE else 1
        for rate in rates:
            ht, vat = sign * Decimal(rate["total_ht"]), sign * Decimal(rate["total_vat"])
            rows.append(BookRow(source_id=pk, on=on, vat_rate=Decimal(rate["vat_rate"]), ht=ht, vat=vat, ttc=ht + vat))
    return rows


def read_payments(payments: QuerySet[Payment], *, known_by: datetime.datetime | None = None) -> list[BookRow]:
    """Return those of the payments that are consumers', by rate. `known_by`: by the invoices issued until then."""
    found = list(payments.order_by("pk").values_list("pk", "order_id", "received_on", "amount"))
    totals = _list_rate_totals({order_id for _, order_id, _, _ in found}, known_by)
    return [
        BookRow(source_id=pk, on=on, vat_rate=rate, ht=Decimal(0), vat=Decimal(0), ttc=part)
        for pk, order_id, on, amount in found
        if order_id in totals
        for rate, part in split_by_rate(amount, totals[order_id]).items()
    ]


def _list_rate_totals(
    order_ids: Collection[int], known_by: datetime.datetime | None
) -> dict[int, dict[Decimal, Decimal]]:
    """Return the totals by rate of the orders whose latest invoice is a consumer's."""
    invoices = Invoice.objects.filter(order__in=order_ids, kind=InvoiceKind.INVOICE).order_by("pk")
    if known_by is not None:
        invoices = invoices.filter(issued_at__lte=known_by)
    latest: dict[int, dict[Decimal, Decimal]] = {}
    for order_id, buyer_kind, rates in invoices.values_list("order_id", "buyer_kind", "snapshot__rates"):
        latest.pop(order_id, None)
        if buyer_kind == BuyerKind.CONSUMER:
            latest[order_id] = {
                Decimal(rate["vat_rate"]): Decimal(rate["total_ht"]) + Decimal(rate["total_vat"]) for rate in rates
            }
    return latest


def sum_by_day(kind: str, rows: Iterable[BookRow]) -> list[dict[str, Any]]:
    """Return the amounts by day, for sales by category too, and rate, in euros as strings; without those that are 0."""
    groups: defaultdict[tuple[str, str], defaultdict[Decimal, list[BookRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        category = "" if kind == ReportKind.PAYMENTS else _SERVICES if row.vat_rate else _NOT_TAXED
        groups[row.on.isoformat(), category][row.vat_rate].append(row)
    days = []
    for (on, category), by_rate in sorted(groups.items()):
        rates = [
            {"vat_rate": f"{vat_rate:.2f}"} | _sum_rate(kind, same_rate)
            for vat_rate, same_rate in sorted(by_rate.items())
            if any(sum(getattr(row, name) for row in same_rate) for name in ("ht", "vat", "ttc"))
        ]
        if rates:
            days.append({"on": on, **({"category": category} if category else {}), "rates": rates})
    return days


def _sum_rate(kind: str, rows: list[BookRow]) -> dict[str, str]:
    names = ("ht", "vat") if kind == ReportKind.SALES else ("ttc",)
    return {name: f"{sum((getattr(row, name) for row in rows), Decimal(0)):.2f}" for name in names}


def build_content(
    kind: str,
    rows: Iterable[BookRow],
    *,
    begins_on: datetime.date,
    ends_on: datetime.date,
    rank: int,
    made_at: datetime.datetime,
) -> dict[str, Any]:
    """Return what a report declares, as it is frozen: JSON. Raises `Refusal` where the seller is unknown."""
    seller = Seller.objects.first()
    if seller is None:
        raise Refusal("period_not_reportable", "Le vendeur n'est pas décrit : décrivez-le d'abord.")
    return {
        "kind": str(kind),
        "begins_on": begins_on.isoformat(),
        "ends_on": ends_on.isoformat(),
        "rank": rank,
        "made_at": made_at.isoformat(),
        "seller": {"siren": seller.siret[:_SIREN_DIGITS], "name": seller.name},
        "vat_on_debits": seller.vat_on_debits,
        "days": sum_by_day(kind, rows),
    }
