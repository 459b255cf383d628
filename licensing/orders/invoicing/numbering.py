"""The numbers of invoices and credit notes: one series a year for both, without a gap, in the order of issue.

Whoever takes a number holds the year's row until his transaction ends; the next one waits for it. So a transaction that
fails gives its number back, and a sequence of PostgreSQL, which would not, cannot serve. The database refuses a number
that does not follow the last one, whatever the code does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from licensing.orders.models import InvoiceSequence

if TYPE_CHECKING:
    import datetime


class Taken(NamedTuple):
    """A number, and the day that goes with it."""

    year: int
    sequence: int
    number: str
    issued_on: datetime.date


def take(day: datetime.date) -> Taken:
    """Take the next number of the year of `day`; the day moves to that of the number before, where that is later."""
    InvoiceSequence.objects.bulk_create([InvoiceSequence(year=day.year, last_on=day)], ignore_conflicts=True)
    row = InvoiceSequence.objects.select_for_update(no_key=True).get(pk=day.year)
    row.last += 1
    # Clocks of two machines, or midnight between two transactions: numbers follow the days all the same.
    row.last_on = max(row.last_on, day)
    row.save(update_fields=["last", "last_on"])
    return Taken(row.year, row.last, f"P{row.year}-{row.last:06}", row.last_on)
