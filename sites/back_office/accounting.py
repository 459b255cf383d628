"""« Comptabilité » and « E-reporting »: the accountant's export, the card provider's balance, the periods declared."""

import datetime
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import register_converter, reverse
from django.utils import timezone

from accounts.second_factor import get_operator
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import add_nonbreaking_spaces, euros, long_date, month_name
from licensing.books.accounting.exports import ENCODING, export_period, list_remarks, sum_period
from licensing.books.accounting.journals import ONE_DAY, Period, get_fiscal_year, get_month, get_quarter
from licensing.books.accounting.models import (
    ACCOUNT_FIELDS,
    JOURNAL_FIELDS,
    AccountingSettings,
    BalanceTransaction,
    get_accounting_settings,
)
from licensing.books.billing.models import InvoiceRoute
from licensing.books.billing.transmission import platforms
from licensing.books.billing.transmission.e_reporting_xml import UNREPORTABLE, UnreportableAmount, write_report
from licensing.books.e_reporting import queries, reports
from licensing.books.e_reporting.models import PeriodReport
from licensing.books.e_reporting.queries import RECENT, PeriodStatement
from licensing.catalogue.models import Seller
from sites.back_office.forms import DayInput, use_admin_widgets
from sites.back_office.model_admins import ReadOnlyAdmin, SingleRowAdmin, column


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
class PeriodReportAdmin(ReadOnlyAdmin):
    """The list is that of the periods; a period's page makes its report, sends it and has its files."""

    fields = ("kind", "begins_on", "ends_on", "rank", "total_ht", "total_vat", "total_ttc", "made_at", "made_by")

    pages = (
        ("periode/<str:kind>/<day:begins_on>/", "period_page", "e_reporting_period"),
        ("<int:pk>/fichier.csv", "csv_file", "e_reporting_periodreport_csv"),
        ("<int:pk>/fichier.xml", "xml_file", "e_reporting_periodreport_xml"),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """List the periods: those that wait first."""
        day = date_in_paris(timezone.now())
        everything = "toutes" in request.GET
        shown = queries.list_statements(day=day, since=None if everything else day - RECENT)
        seller = Seller.objects.first()
        begins_on = seller.e_reporting_from if seller else None
        return self.render_page(
            request,
            "sales/periods.html",
            "E-reporting",
            seller=seller,
            groups=[
                ("Ce qui attend", [_describe(statement) for statement in shown if statement.waits]),
                (
                    "Les autres périodes",
                    [_describe(statement) for statement in shown if not statement.waits and not statement.is_empty],
                ),
            ],
            has_older=not everything and begins_on is not None and begins_on < day - RECENT,
        )

    def period_page(self, request: HttpRequest, kind: str, begins_on: datetime.date) -> HttpResponse:
        """Show what the books say of a period and what was declared; by POST, declare it."""
        refusal = ""
        if request.method == "POST":
            try:
                message = _declare(request, kind, begins_on)
            except DomainError as refused:
                refusal = refused.sentence
            else:
                messages.success(request, add_nonbreaking_spaces(message))
                return redirect("admin:e_reporting_period", kind, begins_on)
        statement = _get_statement(kind, begins_on)
        return self.render_page(
            request,
            "sales/period.html",
            queries.describe_period(statement),
            status=422 if refusal else 200,
            statement=statement,
            days=[_parse_day(day) for day in statement.days],
            status_sentence=add_nonbreaking_spaces(queries.describe_status(statement)),
            refusal=refusal,
            submit_label=_get_submit_label(statement),
            is_configured=platforms.is_configured(InvoiceRoute.PLATFORM),
            has_xml=any(settings.REPORTING_PLATFORM),
            reports=PeriodReport.objects.filter(kind=kind, begins_on=begins_on).order_by("-rank"),
            back=reverse("admin:e_reporting_periodreport_changelist"),
        )

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
        tracking_id = f"{report.tracking_stem}-1"
        try:
            content = write_report(tracking_id, report.content, platform_number=number, platform_name=name)
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


#: Periods of each length that the page proposes.
_PROPOSED = 3
_DAYS = [
    MinValueValidator(datetime.date(2000, 1, 1), "Choisissez un jour à partir du 1er janvier 2000."),
    MaxValueValidator(datetime.date(2199, 12, 31), "Choisissez un jour avant 2200."),
]


class PeriodForm(forms.Form):
    """The first and the last day of a period, both included."""

    du = forms.DateField(label="Du", widget=DayInput, validators=_DAYS)
    au = forms.DateField(label="Au (inclus)", widget=DayInput, validators=_DAYS)

    def clean(self) -> dict[str, Any]:
        """Refuse an end before the start."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and cleaned["au"] < cleaned["du"]:
            self.add_error("au", "La période finit avant de commencer.")
        return cleaned

    @property
    def period(self) -> Period:
        """The period, once the form is valid."""
        return Period(self.cleaned_data["du"], self.cleaned_data["au"])


class ProposedPeriod(NamedTuple):
    """A period that the page proposes."""

    label: str
    period: Period


@admin.register(AccountingSettings)
class AccountingAdmin(SingleRowAdmin):
    """The page of the export, in the place of a list; the accounts are a single row, created once, then edited."""

    fieldsets = (
        ("Comptes", {"fields": ACCOUNT_FIELDS}),
        ("Codes des journaux", {"fields": JOURNAL_FIELDS}),
        ("Exercice", {"fields": ("closing_month", "defers_income")}),
    )

    pages = (("telecharger/", "download", "accounting_download"),)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the totals of a period: of the last month, unless another one is chosen."""
        today, accounting = date_in_paris(timezone.now()), get_accounting_settings()
        proposed = list(_propose_periods(today, closing_month=accounting.closing_month))
        default = dict(zip(("du", "au"), proposed[0].period, strict=True))
        form = use_admin_widgets(PeriodForm(request.GET if request.GET.keys() & default else default))
        context: dict[str, Any] = {}
        if form.is_valid():
            try:
                context = _describe_period(form.period, accounting, today=today)
            except DomainError as refusal:
                context = {"refusal": add_nonbreaking_spaces(refusal.sentence)}
        name, arguments = ("change", [1]) if AccountingSettings.objects.exists() else ("add", [])
        return self.render_page(
            request,
            "sales/accounting.html",
            "Comptabilité",
            status=422 if form.errors or "refusal" in context else 200,
            form=form,
            proposed=proposed,
            accounts_url=reverse(f"admin:accounting_accountingsettings_{name}", args=arguments),
            **context,
        )

    def download(self, request: HttpRequest) -> FileResponse | HttpResponse:
        """Return the file of a period.

        It is written first: a fault while it is sent would leave half a file that looks complete.
        """
        page = reverse("admin:accounting_accountingsettings_changelist")
        form = PeriodForm(request.POST)
        if not form.is_valid():
            return redirect(page)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        try:
            name = export_period(file, form.period, by=get_operator(request), at=timezone.now())
        except DomainError as refusal:
            file.close()
            messages.error(request, add_nonbreaking_spaces(refusal.sentence))
            return redirect(f"{page}?du={form.period.start}&au={form.period.end}")
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=name, content_type=f"text/plain; charset={ENCODING}")


def _propose_periods(today: datetime.date, *, closing_month: int) -> Iterator[ProposedPeriod]:
    """Yield the last months, quarters and fiscal years that are over, the last month first."""
    day = get_month(today).start - ONE_DAY
    for _ in range(_PROPOSED):
        yield ProposedPeriod(f"{month_name(day)} {day.year}", get_month(day))
        day = get_month(day).start - ONE_DAY
    day = get_quarter(today).start - ONE_DAY
    for _ in range(_PROPOSED - 1):
        yield ProposedPeriod(f"{(day.month + 2) // 3}e trimestre {day.year}".replace("1e ", "1er "), get_quarter(day))
        day = get_quarter(day).start - ONE_DAY
    day = get_fiscal_year(today, closing_month=closing_month).start - ONE_DAY
    yield ProposedPeriod(f"exercice clos le {long_date(day)}", get_fiscal_year(day, closing_month=closing_month))


def _describe_period(period: Period, accounting: AccountingSettings, *, today: datetime.date) -> dict[str, Any]:
    totals = sum_period(period)
    journals = accounting.describe_journals()
    return {
        "period": f"du {long_date(period.start)} au {long_date(period.end)}",
        "accounts": totals.list_accounts(accounting),
        "total": totals.total,
        "journals": [(*journals[one], totals.entries[one]) for one in journals if one in totals.entries],
        "remarks": list_remarks(period, totals, accounting),
        "is_over": period.end < today,
    }


@admin.register(BalanceTransaction)
class BalanceTransactionAdmin(ReadOnlyAdmin):
    """The movements of the provider's balance, as it lists them."""

    list_display = ("reference", "kind", "money", "costs", "order", "created_at")
    list_filter = ("kind", "created_at")
    list_select_related = ("card__order",)
    search_fields = ("reference__exact", "charge__exact", "card__order__id__exact")
    search_help_text = "Référence du prestataire, ou numéro de commande"
    ordering = ("-created_at", "-pk")
    fields = ("reference", "kind", "money", "costs", "charge", "card", "created_at", "recorded_at")

    money = column("montant", "amount", euros, ordering="amount")
    costs = column("frais", "fee", euros)
    order = column("commande", lambda row: str(row.card.order) if row.card else "–")
