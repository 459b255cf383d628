"""Whether each report of e-reporting declares what the books say of its period, as of its making."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

from licensing.billing.models import Invoice
from licensing.e_reporting import books
from licensing.e_reporting.models import PeriodReport, ReportKind
from licensing.orders.payers import BuyerKind
from licensing.payments.models import Payment

REPORT_RULE = (
    "reports",
    "41. Une déclaration d'e-reporting dit ce que disaient les livres de sa période, une rectificative ce qui a changé",
)
#: What commits this long after the moment that it bears may be missing from a report made in between.
_SLOWEST_COMMIT = datetime.timedelta(hours=1)
_MAX_NAMED = 5


def find_report_violations() -> Iterator[str]:
    """Yield a sentence for each report that says something else than the books. In the public schema."""
    ranks: dict[tuple[str, datetime.date], int] = {}
    for report in PeriodReport.objects.order_by("kind", "begins_on", "rank").iterator():
        expected = ranks.get((report.kind, report.begins_on), -1) + 1
        ranks[report.kind, report.begins_on] = report.rank
        if report.rank != expected:
            yield f"{report} : rectifie une déclaration qui n'existe pas"
        rows = books.list_counted(report)
        days = books.sum_by_day(report.kind, rows)
        if report.content.get("days") != days or not _adds_up(report, rows):
            yield f"{report} : {report.total_ttc} € déclarés, {sum((row.ttc for row in rows), Decimal(0))} € aux livres"
        if any(not report.begins_on <= row.on <= report.ends_on for row in rows):
            yield f"{report} : compte une pièce d'un autre jour"
        missing = _list_missing(report)
        if missing:
            yield f"{report} : ne compte pas {', '.join(missing[:_MAX_NAMED])}"


def _adds_up(report: PeriodReport, rows: list[books.BookRow]) -> bool:
    totals = (report.total_ht, report.total_vat, report.total_ttc)
    return totals == tuple(sum((getattr(row, name) for row in rows), Decimal(0)) for name in ("ht", "vat", "ttc"))


def _list_missing(report: PeriodReport) -> list[str]:
    """Return, in words, what the books had of the period when the report was made, and it does not count."""
    known_by, days = report.made_at - _SLOWEST_COMMIT, (report.begins_on, report.ends_on)
    if report.kind == ReportKind.SALES:
        invoices = Invoice.objects.filter(
            buyer_kind=BuyerKind.CONSUMER, issued_on__range=days, issued_at__lte=known_by
        ).exclude(pk__in=report.counted)
        return [
            f"la facture ou l'avoir {number}" for number in invoices.order_by("pk").values_list("number", flat=True)
        ]
    payments = Payment.objects.filter(received_on__range=days, recorded_at__lte=known_by)
    payments = payments.exclude(pk__in=report.counted)
    missing = sorted({row.source_id for row in books.read_payments(payments, known_by=known_by)})
    return [f"le règlement n° {payment_id}" for payment_id in missing]
