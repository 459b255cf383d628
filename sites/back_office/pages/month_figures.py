"""« Le mois en chiffres »: licences sold, money, offices opened, keys, beside those of the month before."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, F, Q, Sum

from core.calendar import date_in_paris, start_of_day
from licensing.billing.models import Invoice, InvoiceKind
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
