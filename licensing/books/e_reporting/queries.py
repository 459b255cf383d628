"""Periods to declare, with what the books and the reports say of each."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.calendar import date_in_paris
from core.formatting import long_date
from licensing.books.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.books.e_reporting import books
from licensing.books.e_reporting.models import PeriodReport, ReportingPeriod, ReportKind, list_periods
from licensing.catalogue.models import Seller

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
    seller = Seller.objects.first()
    periods = _list_all(kind, seller, _list_reports(kind), day=day) if seller else []
    return next((one for one in periods if one.begins_on == begins_on), None)


def find_statement(kind: str, begins_on: datetime.date, *, day: datetime.date) -> PeriodStatement | None:
    """Return the period that begins on a day; None where it is none of the seller's."""
    period = find_period(kind, begins_on, day=day)
    if period is None:
        return None
    return _describe(ReportKind(kind), [period], _list_reports(kind), _list_latest_sendings(), day=day)[0]


def list_statements(
    *, day: datetime.date, since: datetime.date | None = None, seller: Seller | None = None
) -> list[PeriodStatement]:
    """Return the periods begun by `day` that end on `since` or later, the latest first; none where none is due.

    `seller`: where the caller has read them already.
    """
    seller = seller or Seller.objects.first()
    if seller is None or seller.e_reporting_from is None:
        return []
    reports, sendings = _list_reports(), _list_latest_sendings()
    statements = []
    for kind in list_kinds(seller):
        of_kind = [one for one in reports if one.kind == kind]
        periods = [one for one in _list_all(kind, seller, of_kind, day=day) if since is None or one.ends_on >= since]
        if periods:
            statements += _describe(kind, periods, of_kind, sendings, day=day)
    return sorted(statements, key=lambda one: (one.period.ends_on, one.period.begins_on, one.kind), reverse=True)


def _list_reports(*kinds: str) -> list[PeriodReport]:
    """Return the reports that count for their periods, of these kinds or of all."""
    reports = PeriodReport.objects.latest_of_periods()
    return list(reports.filter(kind__in=kinds) if kinds else reports)


def _list_all(
    kind: str, seller: Seller, reports: Sequence[PeriodReport], *, day: datetime.date
) -> list[ReportingPeriod]:
    """Return the periods that were declared, and those of the regime that share no day with them, by date.

    `reports`: those of this kind that count.
    """
    if seller.e_reporting_from is None or kind not in list_kinds(seller):
        return []
    natural = list_periods(kind, seller.vat_regime, since=seller.e_reporting_from, until=day)
    known = {one.begins_on: one for one in natural}
    declared = [
        known[one.begins_on]
        if one.begins_on in known and known[one.begins_on].ends_on == one.ends_on
        else ReportingPeriod(one.begins_on, one.ends_on, one.ends_on)
        for one in reports
    ]
    free = [
        one
        for one in natural
        if not any(other.begins_on <= one.ends_on and one.begins_on <= other.ends_on for other in declared)
    ]
    return sorted([*declared, *free])


def _describe(
    kind: ReportKind,
    periods: Sequence[ReportingPeriod],
    reports: Sequence[PeriodReport],
    sendings: Mapping[str, Transmission],
    *,
    day: datetime.date,
) -> list[PeriodStatement]:
    rows = books.list_rows(kind, begins_on=periods[0].begins_on, ends_on=max(one.ends_on for one in periods))
    by_day = {one.begins_on: one for one in reports}
    statements = []
    for period in periods:
        of_period = [row for row in rows if period.begins_on <= row.on <= period.ends_on]
        report = by_day.get(period.begins_on)
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


_NAMES = {ReportKind.SALES: "Ventes aux particuliers", ReportKind.PAYMENTS: "Encaissements des particuliers"}
_SENDING = {
    TransmissionState.TO_SEND: "en cours d'envoi à la plateforme",
    TransmissionState.SENT: "envoyée à la plateforme, sa réponse est attendue",
    TransmissionState.ACCEPTED: "acceptée par la plateforme",
}


def describe_period(statement: PeriodStatement) -> str:
    """Return what is declared of which days: a title."""
    begins_on, ends_on = statement.period.begins_on, statement.period.ends_on
    # « 1er » or « 1er septembre », of « 1er septembre 2026 »: what both days have in common is said once.
    in_common = 2 if begins_on.month == ends_on.month else 1
    begin = " ".join(long_date(begins_on).split()[:-in_common])
    return f"{_NAMES[statement.kind]} du {begin} au {long_date(ends_on)}"


def describe_status(statement: PeriodStatement) -> str:
    """Return how far a period is, in a phrase."""
    due_on = long_date(statement.period.due_on)
    if statement.report is not None:
        return _describe_report(statement, statement.report)
    if not statement.is_over:
        return f"en cours : se déclare ensuite, jusqu'au {due_on}"
    if statement.is_empty:
        return "rien à déclarer"
    return f"en retard : était à déclarer jusqu'au {due_on}" if statement.is_late else f"à déclarer jusqu'au {due_on}"


def _describe_report(statement: PeriodStatement, report: PeriodReport) -> str:
    made = f"déclaration établie le {long_date(date_in_paris(report.made_at))}"
    if statement.to_correct:
        return f"à rectifier : les livres ont changé depuis la {made}"
    if statement.transmission is None:
        return made
    if statement.is_rejected:
        return f"refusée par la plateforme : {statement.transmission.message}"
    return f"{made}, {_SENDING[TransmissionState(statement.transmission.state)]}"
