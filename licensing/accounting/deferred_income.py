"""Deferred income: what of each sale belongs to the days after a closing date, and its reversal on the next day.

By days, from the first day of the period that the document's line states to its last. Amounts without VAT.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection

from licensing.accounting.fiscal_years import ONE_DAY, list_closing_dates
from licensing.accounting.journals import AccountingEntry, EntryLine, Journal, Period
from licensing.accounting.models import AccountingSettings
from licensing.accounting.sales_entries import BATCH_SIZE, SALES_ACCOUNTS
from licensing.billing.models import InvoiceKind

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
