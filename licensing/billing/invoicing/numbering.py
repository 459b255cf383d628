"""Numbers of invoices and credit notes: one gapless series a year for both, in the order of issue.

Allocating a number locks the year's row until the transaction ends, so a rollback releases the number. A PostgreSQL
sequence would leave a gap. A trigger also rejects a number that does not follow the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from core.cells import get_cells
from licensing.billing.models import InvoiceSequence

if TYPE_CHECKING:
    import datetime


class InvoiceNumber(NamedTuple):
    """An invoice number and its issue date."""

    year: int
    sequence: int
    number: str
    issued_on: datetime.date


def allocate_number(day: datetime.date) -> InvoiceNumber:
    """Allocate the next number of the year of `day`. The issue date is never earlier than the previous one."""
    InvoiceSequence.objects.bulk_create([InvoiceSequence(year=day.year, last_on=day)], ignore_conflicts=True)
    row = InvoiceSequence.objects.locked().get(pk=day.year)
    row.last += 1
    # Clocks of two machines may differ, or midnight fall between two transactions: dates must follow numbers.
    row.last_on = max(row.last_on, day)
    row.save(update_fields=["last", "last_on"])
    # Each cell has a series of its own, as the same seller issues them all.
    series = f"{get_cells().mark}-P" if get_cells().mark else "P"
    return InvoiceNumber(row.year, row.last, f"{series}{row.year}-{row.last:06}", row.last_on)
