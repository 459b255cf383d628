"""Periods of e-reporting and their deadlines, by the seller's VAT regime. Pure.

Source: DGFiP, external specifications v3.2, table 13 (decree 2022-1299, CGI annexe II, 242 nonies P).
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models

from licensing.catalogue.models import VatRegime

_DECADE_ENDS = (10, 20)
_SECOND_DEADLINE, _DEADLINE_DAY = 20, 10


class ReportKind(models.TextChoices):
    """What a report declares: sales (block 10.3), or payments (block 10.4)."""

    SALES = "sales", "Ventes"
    PAYMENTS = "payments", "Encaissements"


@dataclass(frozen=True, slots=True, order=True)
class ReportingPeriod:
    """A period, both days included, and the last day on which the platform may be given its report."""

    begins_on: datetime.date
    ends_on: datetime.date
    due_on: datetime.date


def list_periods(kind: str, regime: str, *, since: datetime.date, until: datetime.date) -> list[ReportingPeriod]:
    """Return the periods that end on `since` or later and begin on `until` or earlier, the earliest first."""
    months = _list_months(since, until)
    if regime == VatRegime.EXEMPT:
        found = [_two_months(month) for month in months if month.month % 2]
    elif regime == VatRegime.SIMPLIFIED:
        found = [ReportingPeriod(month, _end(month), _end(_next(month))) for month in months]
    elif regime == VatRegime.MONTHLY and kind == ReportKind.SALES:
        found = [decade for month in months for decade in _decades(month)]
    else:
        found = [ReportingPeriod(month, _end(month), _next(month).replace(day=_DEADLINE_DAY)) for month in months]
    return [period for period in found if period.ends_on >= since and period.begins_on <= until]


def _list_months(since: datetime.date, until: datetime.date) -> list[datetime.date]:
    """Return the first days of the months, beginning with one before: a period of two months may have begun then."""
    month = (since.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    months = []
    while month <= until:
        months.append(month)
        month = _next(month)
    return months


def _decades(month: datetime.date) -> Iterator[ReportingPeriod]:
    first, second = _DECADE_ENDS
    yield ReportingPeriod(month, month.replace(day=first), month.replace(day=_SECOND_DEADLINE))
    yield ReportingPeriod(month.replace(day=first + 1), month.replace(day=second), _end(month))
    yield ReportingPeriod(month.replace(day=second + 1), _end(month), _next(month).replace(day=_DEADLINE_DAY))


def _two_months(month: datetime.date) -> ReportingPeriod:
    last = _next(month)
    return ReportingPeriod(month, _end(last), _end(_next(last)))


def _next(month: datetime.date) -> datetime.date:
    return (month.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)


def _end(month: datetime.date) -> datetime.date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])
