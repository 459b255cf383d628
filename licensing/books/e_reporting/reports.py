"""Make the reports of periods: one for each, then corrections where the books changed since."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import User
from core import spreadsheets
from core.advisory_locks import hold_transaction_lock
from core.calendar import date_in_paris
from core.exceptions import Refusal
from core.formatting import short_date
from licensing.books.billing.models import InvoiceRoute
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.operations import request_report
from licensing.books.e_reporting import books
from licensing.books.e_reporting.models import PeriodReport, ReportKind
from licensing.books.e_reporting.queries import find_period, list_sendings

# A report as a CSV file, for platforms that take its figures by hand.
#
# One line for each day, category and rate; amounts in euros, with a decimal comma.

_HEADERS = (
    "nature", "type", "période du", "au", "jour", "catégorie", "taux de TVA", "montant HT", "TVA", "encaissé TTC",
    "devise",
)  # fmt: skip


def build_csv(report: PeriodReport) -> bytes:
    """Return the file. Of sales it has « montant HT » and « TVA », of payments « encaissé TTC »."""
    return spreadsheets.build_csv(_HEADERS, _list_lines(report))


def _list_lines(report: PeriodReport) -> Iterator[list[str]]:
    begin = [
        ReportKind(report.kind).label,
        "rectificative" if report.rank else "initiale",
        short_date(report.begins_on),
        short_date(report.ends_on),
    ]
    for day in report.content["days"]:
        for rate in day["rates"]:
            amounts = [_comma(rate, name) for name in ("vat_rate", "ht", "vat", "ttc")]
            yield [*begin, day["on"], day.get("category", ""), *amounts, "EUR"]


def _comma(rate: dict[str, Any], name: str) -> str:
    return str(rate.get(name, "")).replace(".", ",")


_LOCK = "e_reporting.make_report"


@transaction.atomic
def make_report(*, kind: str, begins_on: datetime.date, by: User | None, at: datetime.datetime) -> PeriodReport:
    """Return the report that says what the books say of a period: the one that exists, or a new one.

    The first is initial; a later one corrects it, and takes its place. Raises `Refusal`.
    """
    # Two at once would both be the first.
    hold_transaction_lock(_LOCK)
    period = find_period(kind, begins_on, day=date_in_paris(at))
    if period is None:
        raise Refusal(
            "period_not_reportable", "Cette période n'est pas à déclarer : elle n'est pas de votre régime de TVA."
        )
    if period.ends_on >= date_in_paris(at):
        raise Refusal(
            "period_not_reportable", f"La période finit le {short_date(period.ends_on)} : elle se déclare ensuite."
        )
    latest = PeriodReport.objects.filter(kind=kind, begins_on=begins_on).order_by("-rank").first()
    rows = books.list_rows(kind, begins_on=period.begins_on, ends_on=period.ends_on)
    if latest is not None and books.sum_by_day(kind, rows) == latest.content["days"]:
        return latest
    if latest is None and not books.sum_by_day(kind, rows):
        raise Refusal(
            "period_not_reportable", "Rien n'est à déclarer pour cette période : aucune vente, aucun encaissement."
        )
    rank = 0 if latest is None else latest.rank + 1
    total_ht, total_vat = _sum(rows, "ht"), _sum(rows, "vat")
    return PeriodReport.objects.create(
        kind=ReportKind(kind),
        begins_on=period.begins_on,
        ends_on=period.ends_on,
        rank=rank,
        total_ht=total_ht,
        total_vat=total_vat,
        total_ttc=_sum(rows, "ttc"),
        content=books.build_content(
            kind, rows, begins_on=period.begins_on, ends_on=period.ends_on, rank=rank, made_at=at
        ),
        counted=sorted({row.source_id for row in rows}),
        made_at=at,
        made_by=by,
    )


def _sum(rows: list[books.BookRow], name: str) -> Decimal:
    return sum((getattr(row, name) for row in rows), Decimal(0))


@transaction.atomic
def send_report(*, report_id: int, by: User | None, at: datetime.datetime) -> Transmission:
    """Ask for a report to be sent by the approved platform; return the sending.

    One that is on its way, or was taken, stays the only one; after a refusal another follows. Raises
    `PlatformNotConfigured`.
    """
    hold_transaction_lock(_LOCK)
    report = PeriodReport.objects.get(pk=report_id)
    sendings = list_sendings(report)
    if sendings and sendings[-1].state != TransmissionState.REJECTED:
        return sendings[-1]
    return request_report(
        tracking_id=f"{report.tracking_stem}-{len(sendings) + 1}",
        route=InvoiceRoute.PLATFORM,
        content=report.content,
        by=by,
        at=at,
    )
