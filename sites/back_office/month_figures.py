"""« Le mois en chiffres »: licences sold, money, offices opened, keys, beside those of the month before."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris, start_of_day
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.entitlements.models import ActivationKey
from licensing.orders.models import ZERO, Order, OrderLine
from licensing.orders.queries import SOLD_STATES
from licensing.payments.models import Payment, PaymentKind
from licensing.pools.models import MessageKind
from mailing.models import MessageState
from tenants.cross_schema import query_all
from tenants.models import Collectivity

#: What is moved from one order to another does not come in.
MOVED_KINDS = (PaymentKind.MOVED_IN, PaymentKind.MOVED_OUT)

#: Keys that were e-mailed between two moments, however often; in each schema.
_SENT_KEYS_SQL = """
SELECT count(DISTINCT topic_id) FROM {schema}.mailing_message
WHERE kind = %s AND state = ANY(%s) AND sent_at >= %s AND sent_at < %s HAVING count(*) > 0
"""
#: What was invoiced by the end of a day, less what was credited and received by then. What one order has too much pays
#: for no other.
_OWED_SQL = """
WITH invoiced AS (
    SELECT order_id, sum(CASE kind WHEN 'invoice' THEN total_ttc ELSE -total_ttc END) AS total
    FROM public.billing_invoice WHERE issued_on <= %(day)s GROUP BY order_id
),
received AS (
    SELECT order_id, sum(amount) AS total FROM public.payments_payment WHERE received_on <= %(day)s GROUP BY order_id
)
SELECT sum(greatest(invoiced.total - coalesce(received.total, 0), 0))
FROM invoiced LEFT JOIN received ON received.order_id = invoiced.order_id
"""


class CalendarMonth(NamedTuple):
    """A calendar month, in Europe/Paris."""

    year: int
    month: int

    @property
    def first_day(self) -> datetime.date:
        return datetime.date(self.year, self.month, 1)

    @property
    def next_first_day(self) -> datetime.date:
        """The first day of the month after."""
        return self.shift(1).first_day

    @property
    def last_day(self) -> datetime.date:
        return self.next_first_day - datetime.timedelta(days=1)

    def shift(self, months: int) -> CalendarMonth:
        """Return the month that many months later; earlier where it is negative."""
        years, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return CalendarMonth(years, month + 1)


def get_month(at: datetime.datetime) -> CalendarMonth:
    """Return the month of a moment, in Europe/Paris."""
    day = date_in_paris(at)
    return CalendarMonth(day.year, day.month)


class Figures(NamedTuple):
    """What happened in a month, and what was owed at its end. Amounts in euros, VAT included unless named otherwise."""

    orders: int
    ordered: Decimal
    licences: int
    #: Of the invoices of the month that stand, less what was credited since.
    invoiced_licences: int
    invoices: int
    invoiced: Decimal
    credited: Decimal
    #: Invoiced less credited, VAT excluded.
    revenue: Decimal
    received: Decimal
    owed: Decimal
    offices: int
    keys_sent: int
    keys_redeemed: int
    licences_redeemed: int


def compute_figures(month: CalendarMonth) -> Figures:
    """Return the figures of a month, in nine queries and one for each hundred schemas."""
    moments = (start_of_day(month.first_day), start_of_day(month.next_first_day))
    days = (month.first_day, month.next_first_day)
    sold = Order.objects.sales().filter(state__in=SOLD_STATES, **_between("placed_at", *moments))
    ordered = sold.aggregate(number=Count("pk"), total=Sum(F("total_ttc") - F("credited")))
    lines = OrderLine.objects.filter(order__in=sold).aggregate(left=Sum(F("quantity") - F("taken_back")))
    issued = Invoice.objects.current().filter(**_between("issued_on", *days))
    billed = OrderLine.objects.filter(order__in=issued.values("order")).aggregate(
        left=Sum(F("quantity") - F("taken_back"))
    )
    is_note = Q(kind=InvoiceKind.CREDIT_NOTE)
    invoices = Invoice.objects.filter(**_between("issued_on", *days)).aggregate(
        number=Count("pk", filter=~is_note),
        ttc=Sum("total_ttc", filter=~is_note),
        credited=Sum("total_ttc", filter=is_note),
        ht=Sum("total_ht", filter=~is_note),
        credited_ht=Sum("total_ht", filter=is_note),
    )
    payments = Payment.objects.filter(**_between("received_on", *days)).exclude(kind__in=MOVED_KINDS)
    # Those of the shop are redeemed as they are bought.
    keys = ActivationKey.objects.filter(
        entitlement__collectivity__isnull=False, **_between("redeemed_at", *moments)
    ).aggregate(number=Count("pk"), units=Sum("units"))
    return Figures(
        orders=ordered["number"],
        ordered=ordered["total"] or ZERO,
        licences=lines["left"] or 0,
        invoiced_licences=billed["left"] or 0,
        invoices=invoices["number"],
        invoiced=invoices["ttc"] or ZERO,
        credited=invoices["credited"] or ZERO,
        revenue=(invoices["ht"] or ZERO) - (invoices["credited_ht"] or ZERO),
        received=payments.aggregate(total=Sum("amount"))["total"] or ZERO,
        owed=_compute_owed(month.last_day),
        offices=Collectivity.objects.filter(**_between("created_at", *moments)).count(),
        keys_sent=sum(count for _, count in list_sent_keys(month)),
        keys_redeemed=keys["number"],
        licences_redeemed=keys["units"] or 0,
    )


def _between(path: str, begins: datetime.date, ends: datetime.date) -> dict[str, datetime.date]:
    """Return the conditions that a date or a moment is from `begins` on and before `ends`."""
    return {f"{path}__gte": begins, f"{path}__lt": ends}


def _compute_owed(day: datetime.date) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(_OWED_SQL, {"day": day})
        (owed,) = cursor.fetchone()
    return owed or ZERO


def list_sent_keys(month: CalendarMonth) -> list[tuple[Collectivity, int]]:
    """Return the collectivities whose keys were e-mailed in a month, with how many. One query for many schemas."""
    begins, ends = start_of_day(month.first_day), start_of_day(month.next_first_day)
    params = [MessageKind.KEY.value, [MessageState.SENT.value, MessageState.DELIVERED.value], begins, ends]
    return [(row.collectivity, row.values[0]) for row in query_all(_SENT_KEYS_SQL, params)]


#: Before it nothing was sold.
_FIRST_YEAR = 2020
_MONTHS_OF_YEAR = 12


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
    owed = f"{reverse('admin:orders_order_changelist')}?state__exact=confirmed"
    invoices = _list_url("billing_invoice", "issued_on", days, kind__exact="invoice")
    notes = _list_url("billing_invoice", "issued_on", days, kind__exact="credit_note")
    payments = _list_url("payments_payment", "received_on", days)
    offices = _list_url("tenants_collectivity", "created_at", moments)
    sent = f"{get_month_url(month)}#cles-envoyees"
    keys = _list_url("entitlements_activationkey", "redeemed_at", moments, entitlement__collectivity__isempty="0")
    owed_label = "Dû aujourd'hui" if is_running else "Dû à la fin du mois"
    owed_note = "factures de tous les mois, restant à régler" + (" ; le mois d'avant : à sa fin" if is_running else "")
    groups = {
        "Ventes": (
            (
                "Commandes passées",
                "orders",
                orders,
                "sans les licences offertes, ni celles qui ont été annulées depuis",
            ),
            ("Commandé TTC", "ordered", orders, "ces commandes, moins les avoirs"),
            ("Licences commandées", "licences", orders, "facturées ou non"),
            (
                "Licences vendues",
                "invoiced_licences",
                invoices,
                "celles des factures du mois, sans ce qui a été annulé ou repris depuis",
            ),
        ),
        "Argent": (
            ("Factures émises", "invoices", invoices, ""),
            ("Facturé TTC", "invoiced", invoices, ""),
            ("Avoirs TTC", "credited", notes, ""),
            ("Chiffre d'affaires HT", "revenue", invoices, "facturé, moins les avoirs"),
            ("Reçu", "received", payments, "moins ce qui a été rendu"),
            (owed_label, "owed", owed, owed_note),
        ),
        "Collectivités et clés": (
            ("Nouveaux bureaux", "offices", offices, ""),
            (
                "Clés envoyées",
                "keys_sent",
                sent,
                "parties par e-mail vers une école ; les e-mails sont gardés trois ans",
            ),
            ("Clés activées", "keys_redeemed", keys, "parmi celles des collectivités"),
            ("Licences activées", "licences_redeemed", keys, "celles de ces clés"),
        ),
    }
    return [
        (
            title,
            [
                _build_row(label, getattr(now, name), getattr(before, name), url, note)
                for label, name, url, note in rows
            ],
        )
        for title, rows in groups.items()
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


def _build_row(label: str, now: int | Decimal, before: int | Decimal, url: str, note: str) -> MonthRow:
    """Return a row of numbers, or of amounts in euros where they are decimal."""

    def describe(value: int | Decimal) -> str:
        return formatting.number(value) if isinstance(value, int) else formatting.euros(value)

    change: Any = now - before
    return MonthRow(label, describe(now), describe(before), _sign(change, describe(abs(change))), url, note)


def _sign(change: Decimal | int, size: str) -> str:
    """Return a difference with its sign: « +12 », « −3 », « = » where there is none."""
    if not change:
        return "="
    return f"{'+' if change > 0 else formatting.MINUS}{size}"
