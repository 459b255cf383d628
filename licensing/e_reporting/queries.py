"""Periods to declare, with what the books and the reports say of each."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from licensing.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.catalogue.models import Seller
from licensing.e_reporting import books
from licensing.e_reporting.models import PeriodReport
from licensing.e_reporting.periods import ReportingPeriod, ReportKind, list_periods

#: Older periods are not looked at unasked: each would be read from the books anew.
RECENT = datetime.timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStatement:
    """A period on a day: what the books say of it, the report that counts and its latest sending."""

    kind: ReportKind
    period: ReportingPeriod
    #: As `books.sum_by_day` returns them.
    days: list[dict[str, Any]]
    total: Decimal
    report: PeriodReport | None
    transmission: Transmission | None
    day: datetime.date

    @property
    def is_over(self) -> bool:
        """Whether its last day is past."""
        return self.period.ends_on < self.day

    @property
    def is_empty(self) -> bool:
        """Whether it is over with nothing to declare, and nothing was: no report is asked for then."""
        return self.is_over and self.report is None and not self.days

    @property
    def to_declare(self) -> bool:
        """Whether it is over and was never declared, with something to declare."""
        return self.is_over and self.report is None and bool(self.days)

    @property
    def to_correct(self) -> bool:
        """Whether the books changed since it was declared."""
        return self.report is not None and self.report.content["days"] != self.days

    @property
    def is_rejected(self) -> bool:
        """Whether the platform refused its report."""
        return self.transmission is not None and self.transmission.state == TransmissionState.REJECTED

    @property
    def waits(self) -> bool:
        """Whether the operator has to act."""
        return self.to_declare or self.to_correct or self.is_rejected

    @property
    def is_late(self) -> bool:
        """Whether the operator has to act, and the deadline is past."""
        return self.waits and self.period.due_on < self.day


def list_kinds(seller: Seller) -> list[ReportKind]:
    """Return what the seller reports: payments only where VAT is due on them (CGI 290 A)."""
    return [ReportKind.SALES] if seller.vat_on_debits else list(ReportKind)


def find_period(kind: str, begins_on: datetime.date, *, day: datetime.date) -> ReportingPeriod | None:
    """Return the period that begins on a day: the one that was declared, or by the seller's regime until `day`."""
    return next((one for one in _list_all(kind, day=day) if one.begins_on == begins_on), None)


def find_statement(kind: str, begins_on: datetime.date, *, day: datetime.date) -> PeriodStatement | None:
    """Return the period that begins on a day; None where it is none of the seller's."""
    period = find_period(kind, begins_on, day=day)
    return _describe(ReportKind(kind), [period], day=day)[0] if period else None


def list_statements(*, day: datetime.date, since: datetime.date | None = None) -> list[PeriodStatement]:
    """Return the periods begun by `day` that end on `since` or later, the latest first; none where none is due."""
    seller = Seller.objects.first()
    if seller is None:
        return []
    statements = []
    for kind in list_kinds(seller):
        periods = [one for one in _list_all(kind, day=day) if since is None or one.ends_on >= since]
        if periods:
            statements += _describe(kind, periods, day=day)
    return sorted(statements, key=lambda one: (one.period.ends_on, one.period.begins_on, one.kind), reverse=True)


def _list_all(kind: str, *, day: datetime.date) -> list[ReportingPeriod]:
    """Return the periods that were declared, and those of the regime that share no day with them, by date."""
    seller = Seller.objects.first()
    if seller is None or seller.e_reporting_from is None or kind not in list_kinds(seller):
        return []
    natural = list_periods(kind, seller.vat_regime, since=seller.e_reporting_from, until=day)
    bounds = PeriodReport.objects.filter(kind=kind, rank=0).values_list("begins_on", "ends_on")
    known = {one.begins_on: one for one in natural}
    declared = [
        known[begins_on]
        if begins_on in known and known[begins_on].ends_on == ends_on
        else ReportingPeriod(begins_on, ends_on, ends_on)
        for begins_on, ends_on in bounds
    ]
    free = [
        one
        for one in natural
        if not any(other.begins_on <= one.ends_on and one.begins_on <= other.ends_on for other in declared)
    ]
    return sorted([*declared, *free])


def _describe(kind: ReportKind, periods: list[ReportingPeriod], *, day: datetime.date) -> list[PeriodStatement]:
    rows = books.list_rows(kind, begins_on=periods[0].begins_on, ends_on=max(one.ends_on for one in periods))
    reports = {one.begins_on: one for one in PeriodReport.objects.latest_of_periods().filter(kind=kind)}
    sendings = _list_latest_sendings()
    statements = []
    for period in periods:
        of_period = [row for row in rows if period.begins_on <= row.on <= period.ends_on]
        report = reports.get(period.begins_on)
        statements.append(
            PeriodStatement(
                kind=kind,
                period=period,
                days=books.sum_by_day(kind, of_period),
                total=sum((row.ttc for row in of_period), Decimal(0)),
                report=report,
                transmission=sendings.get(report.tracking_stem) if report else None,
                day=day,
            )
        )
    return statements


def list_sendings(report: PeriodReport) -> list[Transmission]:
    """Return the sendings of a report, the first one first."""
    return list(
        Transmission.objects.filter(
            kind=TransmissionKind.REPORT, tracking_id__startswith=f"{report.tracking_stem}-"
        ).order_by("pk")
    )


def _list_latest_sendings() -> dict[str, Transmission]:
    """Return the latest sending of each report, by its `tracking_stem`."""
    sent = Transmission.objects.filter(kind=TransmissionKind.REPORT).defer("content").order_by("pk")
    return {one.tracking_id.rpartition("-")[0]: one for one in sent}
