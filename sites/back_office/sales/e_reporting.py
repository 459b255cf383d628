"""« E-reporting »: the periods of sales to consumers and of what they paid, what is declared of them, and the files."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, register_converter, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.second_factor import get_operator
from core.calendar import date_in_paris
from core.formatting import add_nonbreaking_spaces
from licensing.billing.models import InvoiceRoute
from licensing.billing.transmission import platforms
from licensing.billing.transmission.e_reporting_xml import UNREPORTABLE, UnreportableAmount, write_report
from licensing.billing.transmission.platforms import Declaration
from licensing.catalogue.models import Seller
from licensing.e_reporting import queries, reports
from licensing.e_reporting.models import PeriodReport
from licensing.e_reporting.queries import RECENT, PeriodStatement
from licensing.exceptions import LicensingError
from sites.back_office.read_only import ReadOnlyAdminMixin


class DayConverter:
    """A day in a path, as « 2026-09-01 »."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> datetime.date:
        """Return the day; its `ValueError` makes the path unknown."""
        return datetime.date.fromisoformat(value)

    def to_url(self, value: datetime.date) -> str:
        """Return the day as it stands in the path."""
        return value.isoformat()


register_converter(DayConverter, "day")


@admin.register(PeriodReport)
class PeriodReportAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """The list is that of the periods; a period's page makes its report, sends it and has its files."""

    fields = ("kind", "begins_on", "ends_on", "rank", "total_ht", "total_vat", "total_ttc", "made_at", "made_by")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of periods before the model's own."""
        view = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("periode/<str:kind>/<day:begins_on>/", view(self.period_page), name="e_reporting_period"),
            path("<int:pk>/fichier.csv", view(self.csv_file), name="e_reporting_periodreport_csv"),
            path("<int:pk>/fichier.xml", view(self.xml_file), name="e_reporting_periodreport_xml"),
            *urls,
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """List the periods: those that wait first."""
        day = date_in_paris(timezone.now())
        everything = "toutes" in request.GET
        shown = queries.list_statements(day=day, since=None if everything else day - RECENT)
        seller = Seller.objects.first()
        begins_on = seller.e_reporting_from if seller else None
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "E-reporting",
            "seller": seller,
            "groups": [
                ("Ce qui attend", [_describe(one) for one in shown if one.waits]),
                ("Les autres périodes", [_describe(one) for one in shown if not one.waits and not one.is_empty]),
            ],
            "has_older": not everything and begins_on is not None and begins_on < day - RECENT,
        }
        return render(request, "back_office/sales/periods.html", context)

    def period_page(self, request: HttpRequest, kind: str, begins_on: datetime.date) -> HttpResponse:
        """Show what the books say of a period and what was declared; by POST, declare it."""
        refusal = ""
        if request.method == "POST":
            try:
                message = _declare(request, kind, begins_on)
            except LicensingError as refused:
                refusal = refused.sentence
            else:
                messages.success(request, add_nonbreaking_spaces(message))
                return redirect("admin:e_reporting_period", kind, begins_on)
        statement = _get_statement(kind, begins_on)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": queries.describe_period(statement),
            "statement": statement,
            "days": [_parse_day(one) for one in statement.days],
            "status": add_nonbreaking_spaces(queries.describe_status(statement)),
            "refusal": refusal,
            "submit_label": _get_submit_label(statement),
            "is_configured": platforms.is_configured(InvoiceRoute.PLATFORM),
            "has_xml": any(settings.REPORTING_PLATFORM),
            "reports": PeriodReport.objects.filter(kind=kind, begins_on=begins_on).order_by("-rank"),
            "back": reverse("admin:e_reporting_periodreport_changelist"),
        }
        return render(request, "back_office/sales/period.html", context, status=422 if refusal else 200)

    def csv_file(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return a report as CSV."""
        report = get_object_or_404(PeriodReport, pk=pk)
        return _as_attachment(reports.build_csv(report), f"e-reporting-{report.tracking_stem}.csv", "text/csv")

    def xml_file(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return a report as the administration's XML. 404 where the platform's number is not configured."""
        report = get_object_or_404(PeriodReport, pk=pk)
        number, name = settings.REPORTING_PLATFORM
        if not number:
            raise Http404("no platform")
        declaration = Declaration(
            tracking_id=f"{report.tracking_stem}-1",
            begins_on=report.begins_on,
            ends_on=report.ends_on,
            content=report.content,
        )
        try:
            content = write_report(declaration, platform_number=number, platform_name=name)
        except UnreportableAmount:
            messages.error(request, UNREPORTABLE)
            return redirect("admin:e_reporting_period", report.kind, report.begins_on)
        return _as_attachment(content, f"e-reporting-{report.tracking_stem}.xml", "application/xml")


def _describe(statement: PeriodStatement) -> dict[str, Any]:
    return {
        "title": queries.describe_period(statement),
        "status": add_nonbreaking_spaces(queries.describe_status(statement)),
        "statement": statement,
        "begins_on": statement.period.begins_on,
    }


def _parse_day(day: dict[str, Any]) -> dict[str, Any]:
    """Return a day of the books with its date and amounts as such."""
    rates = [{name: Decimal(amount) for name, amount in rate.items()} for rate in day["rates"]]
    return {"on": datetime.date.fromisoformat(day["on"]), "rates": rates}


def _get_statement(kind: str, begins_on: datetime.date) -> PeriodStatement:
    statement = queries.find_statement(kind, begins_on, day=date_in_paris(timezone.now()))
    if statement is None:
        raise Http404("no such period")
    return statement


def _get_submit_label(statement: PeriodStatement) -> str:
    """Return what the page's button does; empty where there is nothing to do."""
    configured = platforms.is_configured(InvoiceRoute.PLATFORM)
    if statement.to_correct:
        return "Transmettre la rectification" if configured else "Établir la rectification"
    if statement.to_declare:
        return "Transmettre la déclaration" if configured else "Établir la déclaration"
    if configured and statement.is_rejected:
        return "Transmettre de nouveau"
    return "Transmettre la déclaration" if configured and statement.report and not statement.transmission else ""


def _declare(request: HttpRequest, kind: str, begins_on: datetime.date) -> str:
    """Make the report of a period, or take the one that exists, and send it where a platform is configured."""
    by, at = get_operator(request), timezone.now()
    report = reports.make_report(kind=kind, begins_on=begins_on, by=by, at=at)
    if not platforms.is_configured(InvoiceRoute.PLATFORM):
        return "Déclaration établie : téléchargez-la, et donnez-la à votre plateforme."
    reports.send_report(report_id=report.pk, by=by, at=at)
    return "Déclaration confiée à la plateforme : sa réponse s'affichera ici."


def _as_attachment(content: bytes, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
