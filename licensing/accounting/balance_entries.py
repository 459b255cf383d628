"""Entries of the movements of the card provider's balance: charges and refunds, its fees, its payouts to the bank.

A card payment waits on the account of the cards until the provider lists its charge: what is left on that account is
where the books and the provider do not say the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from core.calendar import date_in_paris, end_of_day, start_of_day
from licensing.accounting.journals import AccountingEntry, EntryLine, Journal, Period
from licensing.accounting.models import BalanceTransaction
from licensing.accounting.sales_entries import BATCH_SIZE

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
