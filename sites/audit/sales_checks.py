"""Whether each sale is taxed as its payer's place says, and each report of e-reporting declares what the books say."""

import datetime
from collections.abc import Iterator
from decimal import Decimal

from django.db import connection

from licensing.books.billing.models import Invoice
from licensing.books.e_reporting import books
from licensing.books.e_reporting.models import PeriodReport, ReportKind
from licensing.orders.exceptions import NotInvoiceable
from licensing.orders.models import Order, OrderKind, OrderLine
from licensing.orders.payers import BuyerKind
from licensing.orders.vat import VatTreatment, find_treatment, get_vat
from licensing.payments.models import Payment

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


_NORMAL_RATE = Decimal("20.00")
_OVERSEAS_RATES = (Decimal("8.50"), Decimal("2.10"))
#: A rate of the invoice that counts and no line of its order has; or of a credit note, and not of its invoice.
_FOREIGN_RATES = """
    SELECT format('facture %s : TVA de %s %%, catégorie %s, que sa commande n''a pas', invoice.number,
                  rate ->> 'vat_rate', rate ->> 'category')
    FROM billing_invoice AS invoice CROSS JOIN LATERAL jsonb_array_elements(invoice.snapshot -> 'rates') AS rate
    WHERE invoice.kind = 'invoice'
      AND NOT EXISTS (SELECT FROM billing_invoice AS note WHERE note.corrects_id = invoice.id)
      AND NOT EXISTS (
        SELECT FROM orders_orderline AS line
        WHERE line.order_id = invoice.order_id AND line.vat_rate = (rate ->> 'vat_rate')::numeric
          AND line.vat_category = rate ->> 'category' AND line.vat_reason = rate ->> 'reason')
    UNION ALL
    SELECT format('avoir %s : TVA de %s %%, catégorie %s, que sa facture n''a pas', note.number, rate ->> 'vat_rate',
                  rate ->> 'category')
    FROM billing_invoice AS note JOIN billing_invoice AS invoice ON invoice.id = note.corrects_id
    CROSS JOIN LATERAL jsonb_array_elements(note.snapshot -> 'rates') AS rate
    WHERE NOT EXISTS (
        SELECT FROM jsonb_array_elements(invoice.snapshot -> 'rates') AS invoiced
        WHERE (invoiced ->> 'vat_rate', invoiced ->> 'category', invoiced ->> 'reason')
            = (rate ->> 'vat_rate', rate ->> 'category', rate ->> 'reason'))
"""


def find_vat_violations() -> Iterator[str]:
    """Yield a sentence for each placed sale or invoice with another VAT than it should have. In the public schema."""
    placed = OrderLine.objects.exclude(order__kind=OrderKind.GRANT).filter(order__placed_at__isnull=False)
    for line in placed.select_related("order").order_by("pk").iterator():
        problem = _find_problem(line.order, line)
        if problem:
            yield f"{line.order} : {problem}"
    with connection.cursor() as cursor:
        cursor.execute(_FOREIGN_RATES)
        for (sentence,) in cursor:
            yield sentence


def _find_problem(order: Order, line: OrderLine) -> str:
    if order.vat_treatment not in VatTreatment.values:
        return "sans régime de TVA"
    treatment = VatTreatment(order.vat_treatment)
    if not order.vat_correction:
        try:
            expected = find_treatment(
                country=order.bill_country, postal_code=order.bill_postal_code, vat_number=order.vat_number
            )
        except NotInvoiceable:
            return f"pays inconnu, « {order.bill_country} »"
        if treatment != expected:
            return f"{treatment.label}, là où l'adresse de facturation dit : {expected.label}"
    vat = get_vat(treatment, product_rate=_NORMAL_RATE, exemption=line.vat_reason)
    if (line.vat_category, line.vat_reason, line.vat_reason_code) != (vat.category, vat.reason, vat.reason_code):
        return f"mention ou catégorie de TVA d'un autre régime que : {treatment.label}"
    if treatment == VatTreatment.OVERSEAS and line.vat_rate not in _OVERSEAS_RATES:
        return f"TVA de {line.vat_rate} %, qui n'est pas d'outre-mer"
    return "" if bool(line.vat_rate) == bool(vat.rate) else f"TVA de {line.vat_rate} %"
