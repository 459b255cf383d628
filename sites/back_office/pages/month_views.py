"""« Le mois en chiffres »: the figures of a month beside those of the month before, as a table."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from core import formatting
from core.calendar import start_of_day
from licensing.orders.queries import SOLD_STATES
from sites.back_office.pages.month_figures import (
    CalendarMonth,
    Figures,
    compute_figures,
    get_month,
    list_sent_keys,
)

#: Before it nothing was sold.
_FIRST_YEAR = 2020
_MONTHS_OF_YEAR = 12
_ORDERS_COUNTED = "sans les licences offertes, ni ce qui a été annulé depuis"


class MonthRow(NamedTuple):
    """A figure in French: of the month, of the month before, and the difference; and where its rows are listed."""

    label: str
    now: str
    before: str
    change: str
    url: str
    note: str


def show_month(request: HttpRequest, year: int | None = None, month: int | None = None) -> HttpResponse:
    """Show a month, the running one unless the address names another. Answers 404 for a month to come."""
    running = get_month(timezone.now())
    shown = running if year is None or month is None else _read_month(year, month)
    if shown > running:
        raise Http404("This month has not begun.")
    before = shown.shift(-1)
    context = {
        "month": _describe_month(shown),
        "before": _describe_month(before),
        "is_running": shown == running,
        "groups": list_groups(shown, compute_figures(shown), compute_figures(before), is_running=shown == running),
        "sent_keys": list_sent_keys(shown),
        "before_url": get_month_url(before) if before.year >= _FIRST_YEAR else "",
        "after": _describe_month(shown.shift(1)),
        "after_url": get_month_url(shown.shift(1)) if shown < running else "",
        "last_year": _describe_month(shown.shift(-_MONTHS_OF_YEAR)),
        "last_year_url": get_month_url(shown.shift(-_MONTHS_OF_YEAR)) if shown.year > _FIRST_YEAR else "",
    }
    return render(request, "back_office/month.html", context)


def get_month_url(month: CalendarMonth) -> str:
    """Return the path of a month's page."""
    return reverse("admin:month_of", args=[month.year, month.month])


def list_groups(
    month: CalendarMonth, now: Figures, before: Figures, *, is_running: bool
) -> list[tuple[str, list[MonthRow]]]:
    """Return the rows of the table, in groups with a title each; `is_running`: the month is not over."""
    days = (month.first_day.isoformat(), month.next_first_day.isoformat())
    moments = (start_of_day(month.first_day).isoformat(), start_of_day(month.next_first_day).isoformat())
    orders = _list_url("orders_order", "placed_at", moments, state__in=",".join(SOLD_STATES))
    invoices = _list_url("billing_invoice", "issued_on", days, kind__exact="invoice")
    notes = _list_url("billing_invoice", "issued_on", days, kind__exact="credit_note")
    payments = _list_url("payments_payment", "received_on", days)
    offices = _list_url("tenants_collectivity", "created_at", moments)
    keys = _list_url("entitlements_activationkey", "redeemed_at", moments, entitlement__collectivity__isempty="0")
    return [
        (
            "Ventes",
            [
                _count(
                    "Commandes passées",
                    now.orders,
                    before.orders,
                    orders,
                    "sans les licences offertes, ni celles qui ont été annulées depuis",
                ),
                _amount("Commandé TTC", now.ordered, before.ordered, orders, "ces commandes, moins les avoirs"),
                _count("Licences commandées", now.licences, before.licences, orders, "facturées ou non"),
                _count(
                    "Licences vendues",
                    now.invoiced_licences,
                    before.invoiced_licences,
                    invoices,
                    "celles des factures du mois, sans ce qui a été annulé ou repris depuis",
                ),
            ],
        ),
        (
            "Argent",
            [
                _count("Factures émises", now.invoices, before.invoices, invoices),
                _amount("Facturé TTC", now.invoiced, before.invoiced, invoices),
                _amount("Avoirs TTC", now.credited, before.credited, notes),
                _amount("Chiffre d'affaires HT", now.revenue, before.revenue, invoices, "facturé, moins les avoirs"),
                _amount("Reçu", now.received, before.received, payments, "moins ce qui a été rendu"),
                _amount(
                    "Dû aujourd'hui" if is_running else "Dû à la fin du mois",
                    now.owed,
                    before.owed,
                    f"{reverse('admin:orders_order_changelist')}?state__exact=confirmed",
                    "factures de tous les mois, restant à régler"
                    + (" ; le mois d'avant : à sa fin" if is_running else ""),
                ),
            ],
        ),
        (
            "Collectivités et clés",
            [
                _count("Nouveaux bureaux", now.offices, before.offices, offices),
                _count(
                    "Clés envoyées",
                    now.keys_sent,
                    before.keys_sent,
                    f"{get_month_url(month)}#cles-envoyees",
                    "parties par e-mail vers une école ; les e-mails sont gardés trois ans",
                ),
                _count(
                    "Clés activées", now.keys_redeemed, before.keys_redeemed, keys, "parmi celles des collectivités"
                ),
                _count(
                    "Licences activées", now.licences_redeemed, before.licences_redeemed, keys, "celles de ces clés"
                ),
            ],
        ),
    ]


def _read_month(year: int, month: int) -> CalendarMonth:
    """Return the month of an address. Raises `Http404` where there is none."""
    if not (year >= _FIRST_YEAR and 1 <= month <= _MONTHS_OF_YEAR):
        raise Http404("There is no such month.")
    return CalendarMonth(year, month)


def _describe_month(month: CalendarMonth) -> str:
    """Return « novembre 2026 »."""
    return f"{formatting.month_name(month.first_day)} {month.year}"


def _list_url(model: str, path: str, between: tuple[str, str], **filters: str) -> str:
    """Return the admin's list of a model's rows of the month."""
    begins, ends = between
    query = urlencode({f"{path}__gte": begins, f"{path}__lt": ends, **filters})
    return f"{reverse(f'admin:{model}_changelist')}?{query}"


def _count(label: str, now: int, before: int, url: str, note: str = "") -> MonthRow:
    change = now - before
    return MonthRow(
        label,
        formatting.number(now),
        formatting.number(before),
        _sign(change, formatting.number(abs(change))),
        url,
        note,
    )


def _amount(label: str, now: Decimal, before: Decimal, url: str, note: str = "") -> MonthRow:
    change = now - before
    return MonthRow(
        label, formatting.euros(now), formatting.euros(before), _sign(change, formatting.euros(abs(change))), url, note
    )


def _sign(change: Decimal | int, size: str) -> str:
    """Return a difference with its sign: « +12 », « −3 », « = » where there is none."""
    if not change:
        return "="
    return f"{'+' if change > 0 else formatting.MINUS}{size}"
