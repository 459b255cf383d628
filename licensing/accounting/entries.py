"""All entries of a period: the journals put together by day, each with its numbers."""

from __future__ import annotations

import datetime
import heapq
from collections import Counter
from collections.abc import Iterator

from django.db.models import Min

from core.calendar import start_of_day
from licensing.accounting.balance_entries import has_entry, iterate_balance_entries
from licensing.accounting.deferred_income import count_deferrals_before, iterate_deferrals
from licensing.accounting.exceptions import UnbalancedEntry
from licensing.accounting.journals import AccountingEntry, Journal, Period
from licensing.accounting.models import AccountingSettings, BalanceTransaction
from licensing.accounting.payment_entries import count_payments_before, iterate_payment_entries
from licensing.accounting.sales_entries import iterate_sales_entries
from licensing.billing.models import Invoice


def iterate_entries(period: Period, accounting: AccountingSettings) -> Iterator[AccountingEntry]:
    """Yield the entries of a period by day, numbered in each journal from the first entry of the books on.

    A few rows are held at a time, whatever the period. Raises `UnbalancedEntry`.
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
            raise UnbalancedEntry(
                f"L'écriture de la pièce {entry.piece} n'est pas équilibrée : rien n'est exporté. Signalez-la."
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
