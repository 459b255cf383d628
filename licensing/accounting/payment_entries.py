"""Entries of the payments: what came in, went back, was reversed, or was moved to another order."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import TruncDate

from core.calendar import PARIS, date_in_paris, end_of_day, start_of_day
from licensing.accounting.journals import AccountingEntry, EntryLine, Journal, Period
from licensing.accounting.order_ledger import ClientPosting, MovementKind
from licensing.accounting.order_movements import load_postings
from licensing.accounting.sales_entries import BATCH_SIZE
from licensing.orders.models import PaymentMethod
from licensing.payments.models import Payment, PaymentKind, ReversalReason

#: Journal → account that the money comes to, or leaves.
_MONEY_ACCOUNTS = {Journal.BANK: "bank", Journal.CHEQUES: "cheques", Journal.CARDS: "cards"}
# What is given back by cheque leaves the bank: only a cheque received waits to be deposited.
_JOURNAL = Case(
    When(kind=PaymentKind.MOVED_IN, then=Value(Journal.GENERAL.value)),
    When(method=PaymentMethod.CARD, then=Value(Journal.CARDS.value)),
    When(Q(method=PaymentMethod.CHEQUE) & ~Q(kind=PaymentKind.REFUNDED), then=Value(Journal.CHEQUES.value)),
    default=Value(Journal.BANK.value),
    output_field=CharField(),
)
_METHODS = {PaymentMethod.CHEQUE: "Chèque", PaymentMethod.TRANSFER: "Virement"}


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
    kind, method = row["kind"], PaymentMethod(row["method"])
    by_card = method == PaymentMethod.CARD
    by = f"Carte bancaire, commande {row['order_id']}" if by_card else f"{_METHODS[method]} {row['reference']}"
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
