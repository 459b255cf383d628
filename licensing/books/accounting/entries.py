"""All entries of a period: the journals put together by day, each with its numbers."""

import datetime
import heapq
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Case, CharField, Count, F, Min, Q, QuerySet, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import TruncDate

from core.calendar import PARIS, date_in_paris, end_of_day, start_of_day
from core.exceptions import Refusal
from licensing.books.accounting.journals import ONE_DAY, AccountingEntry, EntryLine, Journal, Period, list_closing_dates
from licensing.books.accounting.models import AccountingSettings, BalanceTransaction
from licensing.books.accounting.order_ledger import ClientPosting, MovementKind, load_postings
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.orders.settlement import PaymentMethod
from licensing.orders.vat import VatCategory
from licensing.payments.models import Payment, PaymentKind, ReversalReason

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


#: Journal → account that the money comes to, or leaves.
_MONEY_ACCOUNTS = {Journal.BANK: "bank", Journal.CHEQUES: "cheques", Journal.CARDS: "cards"}
_JOURNAL = Case(
    When(kind=PaymentKind.MOVED_IN, then=Value(Journal.GENERAL.value)),
    *(
        When(kind=PaymentKind.REFUNDED, method=method, then=Value(method.rules.refund_journal))
        for method in PaymentMethod
    ),
    *(When(method=method, then=Value(method.rules.journal)) for method in PaymentMethod),
    output_field=CharField(),
)


def list_booked_payments() -> QuerySet[Payment]:
    """Return the payments that have an entry, each with its `journal`: a move has one, for both of its halves."""
    return Payment.objects.exclude(kind=PaymentKind.MOVED_OUT).annotate(journal=_JOURNAL)


def iterate_payment_entries(period: Period) -> Iterator[AccountingEntry]:
    """Yield the entries of the payments that were recorded in a period, in the order of their days."""
    payments = (
        list_booked_payments()
        .filter(recorded_at__gte=start_of_day(period.start), recorded_at__lt=end_of_day(period.end))
        .annotate(day=TruncDate("recorded_at", tzinfo=PARIS), journal=_JOURNAL)
        .order_by("day", "pk")
        .values(
            "pk", "order_id", "kind", "method", "amount", "received_on", "reference", "reversal_reason", "recorded_at",
            "journal", source=F("moved_from_id"), source_order=F("moved_from__order_id"),
        )
    )  # fmt: skip
    for batch in itertools.batched(payments.iterator(chunk_size=BATCH_SIZE), BATCH_SIZE, strict=False):
        orders = {row["order_id"] for row in batch} | {row["source_order"] for row in batch if row["source_order"]}
        postings = load_postings(orders, until=period.end)
        for row in batch:
            posting = postings[row["order_id"]][MovementKind.PAYMENT, row["pk"]]
            if row["kind"] == PaymentKind.MOVED_IN:
                others = postings[row["source_order"]][MovementKind.PAYMENT, row["source"]].lines
            else:
                others = (EntryLine(_MONEY_ACCOUNTS[Journal(row["journal"])], row["amount"]),)
            yield _build_payment(row, posting, others)


def _build_payment(row: Any, posting: ClientPosting, others: tuple[EntryLine, ...]) -> AccountingEntry:
    refers_to = posting.document if row["kind"] == PaymentKind.REFUNDED else posting.invoice
    return AccountingEntry(
        journal=Journal(row["journal"]),
        on=date_in_paris(row["recorded_at"]),
        piece=refers_to or f"Commande {row['order_id']}",
        piece_on=row["received_on"],
        label=f"{_describe(row)} {posting.client.name}",
        lines=(*others, *posting.lines),
    )


def _describe(row: Any) -> str:
    """Return what a payment is, with the reference that finds it on a bank statement."""
    kind = row["kind"]
    by = PaymentMethod(row["method"]).rules.entry_label.format(**row)
    if kind == PaymentKind.MOVED_IN:
        return f"Trop-perçu reporté de la commande {row['source_order']}"
    if kind == PaymentKind.REFUNDED:
        return f"Remboursement, {by}"
    if kind == PaymentKind.REVERSED:
        return f"{ReversalReason(row['reversal_reason']).label}, {by}"
    return by


def count_payments_before(day: datetime.date) -> dict[str, int]:
    """Return how many payments were booked before a day, by journal. One query."""
    before = list_booked_payments().filter(recorded_at__lt=start_of_day(day)).annotate(journal=_JOURNAL)
    return dict(before.order_by().values_list("journal").annotate(number=Count("pk")))


# Entries of the movements of the card provider's balance: charges and refunds, its fees, its payouts to the bank.
#
# A card payment waits on the account of the cards until the provider lists its charge: what is left on that account is
# where the books and the provider do not say the same.

#: Kinds of a charge: what a cardholder paid.
CHARGES = ("charge", "payment")
#: Kinds of what came back to a cardholder, or failed to.
REFUNDS = ("refund", "payment_refund", "refund_failure", "payment_failure_refund")
#: Kinds of the rest that concerns a card payment: disputes, won and lost.
DISPUTES = ("adjustment", "payment_reversal")
_PAYOUTS = ("payout", "payout_cancel", "payout_failure", "topup", "topup_reversal")
_FEES = ("stripe_fee", "stripe_fx_fee", "tax_fee")
_LABELS = {
    **dict.fromkeys(CHARGES, "Encaissement par carte"),
    **dict.fromkeys(REFUNDS, "Remboursement par carte"),
    **dict.fromkeys(DISPUTES, "Contestation ou ajustement"),
    **dict.fromkeys(_PAYOUTS, "Virement du prestataire"),
    **dict.fromkeys(_FEES, "Frais du prestataire"),
}


def iterate_balance_entries(period: Period) -> Iterator[AccountingEntry]:
    """Yield the entries of the movements that were recorded in a period, in that order. One query."""
    rows = BalanceTransaction.objects.filter(
        recorded_at__gte=start_of_day(period.start), recorded_at__lt=end_of_day(period.end)
    )
    for row in rows.order_by("recorded_at", "pk").iterator(chunk_size=BATCH_SIZE):
        counterpart = get_counterpart(row)
        lines = (
            EntryLine("provider", row.net),
            EntryLine("provider_fees", row.fee),
            EntryLine(counterpart, -row.amount),
        )
        if any(line.amount for line in lines):
            yield AccountingEntry(
                journal=Journal.CARDS,
                on=date_in_paris(row.recorded_at),
                piece=row.reference,
                piece_on=date_in_paris(row.created_at),
                label=_LABELS.get(row.kind, f"Mouvement du prestataire : {row.kind}"),
                lines=tuple(line for line in lines if line.amount),
            )


def get_counterpart(row: BalanceTransaction) -> str:
    """Return the account that a movement is booked against, its fee apart."""
    if row.kind in _PAYOUTS:
        return "bank"
    if row.kind in _FEES:
        return "provider_fees"
    return "cards" if row.card_id is not None and row.kind in (*CHARGES, *REFUNDS, *DISPUTES) else "waiting"


def is_waiting() -> Q:
    """Return the condition of the movements that are booked on the waiting account, as `get_counterpart` does."""
    known = Q(kind__in=(*CHARGES, *REFUNDS, *DISPUTES), card__isnull=False)
    return ~known & ~Q(kind__in=(*_PAYOUTS, *_FEES))


def has_entry() -> Q:
    """Return the condition of the movements that have an entry: their amounts are not all zero."""
    return ~Q(amount=0, fee=0)


# Deferred income: what of each sale belongs to the days after a closing date, and its reversal on the next day.
#
# By days, from the first day of the period that the document's line states to its last. Amounts without VAT.

#: What of the lines of an invoice is deferred, by VAT category: none, or rows without a zero.
_AMOUNTS = """
    SELECT line->>'vat_category' AS category,
           sum(round(
               (line->>'total_ht')::numeric
               * ((line->>'ends_on')::date - greatest((line->>'begins_on')::date, %(closes_on)s::date + 1) + 1)
               / ((line->>'ends_on')::date - (line->>'begins_on')::date + 1),
               2
           )) AS amount
    FROM jsonb_array_elements(invoice.snapshot->'lines') AS line
    WHERE (line->>'ends_on')::date > %(closes_on)s
    GROUP BY line->>'vat_category'
"""
#: Some documents issued by the closing date, each with what is deferred of it; NULL for those with nothing to defer.
_PAGE = f"""
    SELECT invoice.id, invoice.kind, invoice.number, invoice.issued_on,
           (SELECT jsonb_object_agg(category, amount::text) FROM ({_AMOUNTS}) AS part WHERE amount <> 0)
    FROM billing_invoice AS invoice
    WHERE invoice.issued_on <= %(closes_on)s AND invoice.id > %(after)s
    ORDER BY invoice.id LIMIT %(limit)s
"""  # noqa: S608 - our own words
_COUNT = f"""
    SELECT count(*) FROM billing_invoice AS invoice
    WHERE invoice.issued_on <= %(closes_on)s AND EXISTS (SELECT FROM ({_AMOUNTS}) AS part WHERE amount <> 0)
"""  # noqa: S608 - our own words


def iterate_deferrals(period: Period, accounting: AccountingSettings) -> Iterator[AccountingEntry]:
    """Yield the deferrals at each closing date of a period, and the reversals on the days that follow one."""
    for closes_on in _list_closing_dates(period, accounting):
        for on, is_reversal in ((closes_on, False), (closes_on + ONE_DAY, True)):
            if period.start <= on <= period.end:
                for row in _list_deferred(closes_on):
                    yield _build_deferral(row, on=on, is_reversal=is_reversal)


def count_deferrals_before(
    day: datetime.date, accounting: AccountingSettings, *, first_day: datetime.date | None
) -> int:
    """Return how many entries were yielded for the days before. `first_day`: of the first invoice."""
    if first_day is None or first_day >= day:
        return 0
    earlier = Period(first_day, day - ONE_DAY)
    total = 0
    for closes_on in _list_closing_dates(earlier, accounting):
        days = [on for on in (closes_on, closes_on + ONE_DAY) if on <= earlier.end]
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"closes_on": closes_on})
            [(documents,)] = cursor.fetchall()
        total += documents * len(days)
    return total


def _list_closing_dates(period: Period, accounting: AccountingSettings) -> Iterator[datetime.date]:
    """Yield the closing dates whose deferral or reversal may be in a period."""
    if accounting.defers_income:
        yield from list_closing_dates(period.start - ONE_DAY, period.end, closing_month=accounting.closing_month)


def _list_deferred(closes_on: datetime.date) -> Iterator[dict[str, Any]]:
    """Yield the documents with something to defer, in the order of their numbers, a batch at a time."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PAGE, {"closes_on": closes_on, "after": after, "limit": BATCH_SIZE})
            rows = cursor.fetchall()
        for pk, kind, number, issued_on, amounts in rows:
            after = pk
            if amounts is not None:
                yield {"kind": kind, "number": number, "issued_on": issued_on, "amounts": json.loads(amounts)}
        if len(rows) < BATCH_SIZE:
            return


def _build_deferral(row: dict[str, Any], *, on: datetime.date, is_reversal: bool) -> AccountingEntry:
    sign = 1 if row["kind"] == InvoiceKind.INVOICE else -1
    if is_reversal:
        sign = -sign
    parts = {category: sign * Decimal(amount) for category, amount in sorted(row["amounts"].items())}
    return AccountingEntry(
        journal=Journal.GENERAL,
        on=on,
        piece=row["number"],
        piece_on=row["issued_on"],
        label=f"{'Extourne, produit' if is_reversal else 'Produit'} constaté d'avance, {row['number']}",
        lines=(
            *(EntryLine(SALES_ACCOUNTS[category], amount) for category, amount in parts.items()),
            EntryLine("deferred_income", -sum(parts.values(), Decimal(0))),
        ),
    )


def iterate_entries(period: Period, accounting: AccountingSettings) -> Iterator[AccountingEntry]:
    """Yield the entries of a period by day, numbered in each journal from the first entry of the books on.

    A few rows are held at a time, whatever the period. Raises `Refusal`.
    """
    last_numbers = _count_entries_before(period.start, accounting)
    streams = (
        iterate_sales_entries(period),
        iterate_payment_entries(period),
        iterate_balance_entries(period),
        iterate_deferrals(period, accounting),
    )
    for entry in heapq.merge(*streams, key=lambda entry: entry.on):
        if sum(line.amount for line in entry.lines):
            raise Refusal(
                "unbalanced_entry",
                f"L'écriture de la pièce {entry.piece} n'est pas équilibrée : rien n'est exporté. Signalez-la.",
            )
        last_numbers[entry.journal] += 1
        yield entry._replace(number=last_numbers[entry.journal])


def _count_entries_before(day: datetime.date, accounting: AccountingSettings) -> Counter[str]:
    """Return how many entries each journal has before a day: the number of its last one."""
    moment = start_of_day(day)
    first_day = Invoice.objects.aggregate(first=Min("issued_on"))["first"]
    return Counter(
        {
            Journal.SALES: Invoice.objects.filter(issued_on__lt=day).count(),
            Journal.CARDS: BalanceTransaction.objects.filter(has_entry(), recorded_at__lt=moment).count(),
            Journal.GENERAL: count_deferrals_before(day, accounting, first_day=first_day),
        }
    ) + Counter(count_payments_before(day))
