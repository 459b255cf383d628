"""Reports of e-reporting, as made. Append-only: triggers refuse a change (`0002_reports_stay`)."""

import calendar
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Value

from licensing.catalogue.models import VatRegime

# Periods of e-reporting and their deadlines, by the seller's VAT regime. Pure.
#
# Source: DGFiP, external specifications v3.2, table 13 (decree 2022-1299, CGI annexe II, 242 nonies P).

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


class PeriodReportQuerySet(models.QuerySet["PeriodReport"]):
    def latest_of_periods(self) -> Self:
        """Keep the report that counts for its period: the initial one, or its last correction."""
        later = PeriodReport.objects.filter(
            kind=OuterRef("kind"), begins_on=OuterRef("begins_on"), rank__gt=OuterRef("rank")
        )
        return self.exclude(Exists(later))


class PeriodReport(models.Model):
    """What was declared of a period. Amounts in euros; those that went back are negative."""

    kind = models.CharField("nature", max_length=10, choices=ReportKind)
    begins_on = models.DateField("du")
    ends_on = models.DateField("au")
    # 0 for the initial one; a correction takes the place of all before it.
    rank = models.PositiveSmallIntegerField("rang")
    # Of payments, HT and VAT are 0: only what came in is declared, VAT included.
    total_ht = models.DecimalField("total HT", max_digits=12, decimal_places=2)
    total_vat = models.DecimalField("TVA", max_digits=12, decimal_places=2)
    total_ttc = models.DecimalField("total TTC", max_digits=12, decimal_places=2)
    # As `books.build_content` makes it: seller, amounts by day and rate.
    content = models.JSONField("contenu")
    # Primary keys of the invoices, or of the payments, that it counts.
    counted = models.JSONField("pièces comptées")
    made_at = models.DateTimeField("établi le")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="établi par",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )

    objects = PeriodReportQuerySet.as_manager()

    class Meta:
        verbose_name = "déclaration d'e-reporting"
        verbose_name_plural = "déclarations d'e-reporting"
        constraints: ClassVar = [
            models.UniqueConstraint(name="report_rank_once", fields=["kind", "begins_on", "rank"]),
            models.CheckConstraint(name="report_ends_after_it_begins", condition=Q(ends_on__gt=F("begins_on"))),
            models.CheckConstraint(
                name="report_adds_up",
                condition=Q(kind="sales", total_ttc=F("total_ht") + F("total_vat"))
                | Q(kind="payments", total_ht=0, total_vat=0),
            ),
            # Also where the VAT regime changed: no day is declared in two periods.
            *(
                ExclusionConstraint(
                    name=f"report_{kind}_once_a_day",
                    expressions=[
                        (
                            Func(F("begins_on"), F("ends_on"), Value("[]"), function="daterange"),
                            RangeOperators.OVERLAPS,
                        )
                    ],
                    condition=Q(kind=kind, rank=0),
                )
                for kind in ReportKind.values
            ),
        ]

    def __str__(self) -> str:
        corrected = f", rectification n° {self.rank}" if self.rank else ""
        return f"{self.get_kind_display()} du {self.begins_on:%d/%m/%Y} au {self.ends_on:%d/%m/%Y}{corrected}"

    @property
    def tracking_stem(self) -> str:
        """What the platform's identifiers of its sendings begin with: at most 50 characters (rule G1.104)."""
        return f"{self.kind}-{self.begins_on:%Y%m%d}-{self.rank}"
