"""Numbers of invoices and credit notes: one gapless series a year for both, in the order of issue.

Allocating a number locks the year's row until the transaction ends, so a rollback releases the number. A PostgreSQL
sequence would leave a gap. A trigger also rejects a number that does not follow the last one. After a restoration
those that lost invoices may have are skipped, and noted.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from core.cells import get_cells
from licensing.billing.models import InvoiceSequence, SkippedNumbers


class InvoiceNumber(NamedTuple):
    """An invoice number and its issue date."""

    year: int
    sequence: int
    number: str
    issued_on: datetime.date


def skip_numbers(
    *, year: int, up_to: int, reason: str, day: datetime.date, at: datetime.datetime
) -> SkippedNumbers | None:
    """Have the next number of a year be the one after `up_to`; None where it is so already. In a transaction.

    `day`: of the first number of a year that has none.
    """
    row = _lock_sequence(year, day)
    if up_to <= row.last:
        return None
    skipped = SkippedNumbers.objects.create(year=year, first=row.last + 1, last=up_to, reason=reason, at=at)
    row.last = up_to
    row.save(update_fields=["last"])
    return skipped


def allocate_number(day: datetime.date) -> InvoiceNumber:
    """Allocate the next number of the year of `day`. The issue date is never earlier than the previous one."""
    row = _lock_sequence(day.year, day)
    row.last += 1
    # Clocks of two machines may differ, or midnight fall between two transactions: dates must follow numbers.
    row.last_on = max(row.last_on, day)
    row.save(update_fields=["last", "last_on"])
    return InvoiceNumber(row.year, row.last, format_number(row.year, row.last), row.last_on)


def format_number(year: int, sequence: int) -> str:
    """Return the number as documents show it: each cell has a series of its own, as the same seller issues them all."""
    series = f"{get_cells().mark}-P" if get_cells().mark else "P"
    return f"{series}{year}-{sequence:06}"


def _lock_sequence(year: int, day: datetime.date) -> InvoiceSequence:
    InvoiceSequence.objects.bulk_create([InvoiceSequence(year=year, last_on=day)], ignore_conflicts=True)
    return InvoiceSequence.objects.locked().get(pk=year)
