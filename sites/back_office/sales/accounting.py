"""« Comptabilité » and « E-reporting »: the accountant's export, the card provider's balance, the periods declared."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.second_factor import get_operator
from core.calendar import date_in_paris
from core.formatting import add_nonbreaking_spaces, euros, long_date, month_name
from licensing.accounting.exports import ENCODING, export_period, list_remarks, sum_period
from licensing.accounting.journals import ONE_DAY, Period, get_fiscal_year, get_month, get_quarter
from licensing.accounting.models import (
    ACCOUNT_FIELDS,
    JOURNAL_FIELDS,
    AccountingSettings,
    BalanceTransaction,
    get_accounting_settings,
)
from licensing.exceptions import LicensingError
from sites.back_office.read_only import ReadOnlyAdminMixin
from sites.back_office.sales.forms import DayInput

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
class AccountingAdmin(ModelAdmin):
    """The page of the export, in the place of a list; the accounts are a single row, created once, then edited."""

    fieldsets = (
        ("Comptes", {"fields": ACCOUNT_FIELDS}),
        ("Codes des journaux", {"fields": JOURNAL_FIELDS}),
        ("Exercice", {"fields": ("closing_month", "defers_income")}),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the download before the model's own pages."""
        view = self.admin_site.admin_view(self.download)
        urls: list[URLPattern] = super().get_urls()
        return [path("telecharger/", view, name="accounting_download"), *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the totals of a period: of the last month, unless another one is chosen."""
        today, accounting = date_in_paris(timezone.now()), get_accounting_settings()
        proposed = list(_propose_periods(today, closing_month=accounting.closing_month))
        default = dict(zip(("du", "au"), proposed[0].period, strict=True))
        form = PeriodForm(request.GET if request.GET.keys() & default else default)
        context: dict[str, Any] = {}
        if form.is_valid():
            try:
                context = _describe_period(form.period, accounting, today=today)
            except LicensingError as refusal:
                context = {"refusal": add_nonbreaking_spaces(refusal.sentence)}
        has_settings = AccountingSettings.objects.exists()
        context |= self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "Comptabilité",
            "form": form,
            "proposed": proposed,
            "accounts_url": reverse("admin:accounting_accountingsettings_change", args=[1])
            if has_settings
            else reverse("admin:accounting_accountingsettings_add"),
        }
        status = 422 if form.errors or "refusal" in context else 200
        return render(request, "back_office/sales/accounting.html", context, status=status)

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
        except LicensingError as refusal:
            file.close()
            messages.error(request, add_nonbreaking_spaces(refusal.sentence))
            return redirect(f"{page}?du={form.period.start}&au={form.period.end}")
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=name, content_type=f"text/plain; charset={ENCODING}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow adding only while the accounts are the defaults."""
        return not AccountingSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: the row is edited."""
        return False

    def save_model(
        self, request: HttpRequest, obj: AccountingSettings, form: forms.ModelForm[AccountingSettings], change: Any
    ) -> None:
        """Save under primary key 1, so that there is only one row."""
        obj.pk = 1
        super().save_model(request, obj, form, change)


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
class BalanceTransactionAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """The movements of the provider's balance, as it lists them."""

    list_display = ("reference", "kind", "money", "costs", "order", "created_at")
    list_filter = ("kind", "created_at")
    list_select_related = ("card__order",)
    search_fields = ("reference__exact", "charge__exact", "card__order__id__exact")
    search_help_text = "Référence du prestataire, ou numéro de commande"
    ordering = ("-created_at", "-pk")
    fields = ("reference", "kind", "money", "costs", "charge", "card", "created_at", "recorded_at")

    @admin.display(description="montant", ordering="amount")
    def money(self, row: BalanceTransaction) -> str:
        """Return the amount; negative where it leaves the balance."""
        return euros(row.amount)

    @admin.display(description="frais")
    def costs(self, row: BalanceTransaction) -> str:
        """Return the fee."""
        return euros(row.fee)

    @admin.display(description="commande")
    def order(self, row: BalanceTransaction) -> str:
        """Return the order that was paid by the card."""
        return str(row.card.order) if row.card else "–"
