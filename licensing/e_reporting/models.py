"""Reports of e-reporting, as made. Append-only: triggers refuse a change (`0002_reports_stay`)."""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Value

from licensing.e_reporting.periods import ReportKind


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
