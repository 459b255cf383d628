"""« L'année, par collectivité »: licences sold, used and bought again, sorted by any column; and as a workbook."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris, end_of_day
from core.documents import build_file_response
from core.formatting import format_school_year
from core.spreadsheets import WorksheetContent, build_workbook
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import NET_SEATS_SQL, get_last_days, get_school_year
from licensing.orders.models import ZERO, OrderKind, OrderLine
from licensing.orders.queries import SOLD_STATES, compute_price
from tenants.models import Collectivity

# Keys, seats and their movements stand in the public schema: no collectivity's own is visited.
_USES_SQL = f"""
WITH given AS (
    SELECT entitlement.collectivity_id, key.id, key.units, coalesce(key.redeemed_at < %(until)s, FALSE) AS redeemed
    FROM public.entitlements_entitlement AS entitlement
    JOIN public.entitlements_activationkey AS key
        ON key.entitlement_id = entitlement.id AND key.issued_at < %(until)s
        AND (key.revoked_at IS NULL OR key.revoked_at >= %(until)s)
    WHERE entitlement.collectivity_id IS NOT NULL AND entitlement.cancelled_at IS NULL
        AND entitlement.last_day > %(before)s AND entitlement.last_day <= %(last)s
),
held AS (
    SELECT given.id, {NET_SEATS_SQL} AS seats
    FROM given
    JOIN public.entitlements_subscription AS subscription ON subscription.key_id = given.id
    JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
    JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id AND event.at < %(until)s
    GROUP BY given.id
)
SELECT
    given.collectivity_id,
    sum(given.units)::bigint,
    coalesce(sum(given.units) FILTER (WHERE given.redeemed), 0)::bigint,
    coalesce(sum(held.seats), 0)::bigint
FROM given
LEFT JOIN held ON held.id = given.id
GROUP BY given.collectivity_id
"""  # noqa: S608 - a constant, and parameters


@dataclass(slots=True)
class CollectivityYear:
    """A collectivity and its licences of a school year; amounts in euros, without VAT."""

    collectivity: Collectivity | None = None
    #: Of orders that stand, without those that credit notes took back.
    sold: int = 0
    price_ht: Decimal = field(default=ZERO)
    granted: int = 0
    given: int = 0
    redeemed: int = 0
    used: int = 0
    #: Of the year before, and of the year to come.
    sold_before: int = 0
    sold_after: int = 0

    @property
    def name(self) -> str:
        return self.collectivity.name if self.collectivity else ""

    @property
    def used_part(self) -> float:
        """The part of the licences given that is used, from 0 to 1."""
        return self.used / self.given if self.given else 0.0

    @property
    def change(self) -> int:
        """Licences sold more than for the year before; negative for fewer."""
        return self.sold - self.sold_before


def list_sold_years() -> list[int]:
    """Return the school years of the licences of collectivities, the latest first. One query."""
    granted = Entitlement.objects.filter(collectivity__isnull=False, cancelled_at=None)
    days = granted.order_by().values_list("last_day", flat=True).distinct()
    return sorted({get_school_year(day) for day in days}, reverse=True)


def compute_year(year: int, day: datetime.date) -> list[CollectivityYear]:
    """Return each collectivity that has licences of a school year, of the one before or of the next, by name.

    What is given and used: as on the day, or as on the last of the year. Three queries.
    """
    before, last = get_last_days(year)
    found: dict[int, CollectivityYear] = defaultdict(CollectivityYear)
    _add_sales(found, year)
    with connection.cursor() as cursor:
        cursor.execute(_USES_SQL, {"before": before, "last": last, "until": end_of_day(min(day, last))})
        for collectivity_id, given, redeemed, used in cursor.fetchall():
            row = found[collectivity_id]
            row.given, row.redeemed, row.used = given, redeemed, used
    collectivities = Collectivity.objects.in_bulk(list(found))
    for collectivity_id, row in found.items():
        row.collectivity = collectivities[collectivity_id]
    return sorted(found.values(), key=lambda row: (row.name.casefold(), row.collectivity and row.collectivity.pk))


def _add_sales(found: dict[int, CollectivityYear], year: int) -> None:
    """Add what was sold for the three years, and granted for the middle one."""
    first, last = get_last_days(year - 1)[0], get_last_days(year + 1)[1]
    lines = OrderLine.objects.filter(
        order__collectivity__isnull=False,
        entitlement__cancelled_at=None,
        entitlement__last_day__gt=first,
        entitlement__last_day__lte=last,
    ).select_related("order", "entitlement")
    for line in lines:
        if line.order.collectivity_id is None or line.entitlement is None:
            continue
        row, counted = found[line.order.collectivity_id], get_school_year(line.entitlement.last_day)
        if line.order.kind == OrderKind.GRANT:
            row.granted += line.remaining if counted == year else 0
        elif line.order.state in SOLD_STATES:
            _add_sale(row, line, counted - year)


def _add_sale(row: CollectivityYear, line: OrderLine, years_later: int) -> None:
    if years_later < 0:
        row.sold_before += line.remaining
    elif years_later > 0:
        row.sold_after += line.remaining
    else:
        row.sold += line.remaining
        row.price_ht += compute_price(line).ht


def add_up_years(rows: Iterable[CollectivityYear]) -> CollectivityYear:
    """Return the sums over collectivities."""
    total = CollectivityYear()
    for row in rows:
        for name in ("sold", "price_ht", "granted", "given", "redeemed", "used", "sold_before", "sold_after"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return total


#: In the address: the column, with « - » before it where the order is reversed.
_SORT = "tri"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class YearColumn(NamedTuple):
    """A column of the table: how the address names it, its heading, and the attribute that it shows."""

    slug: str
    label: str
    attribute: str
    is_amount: bool = False
    is_part: bool = False
    is_change: bool = False

    def format(self, row: CollectivityYear) -> str:
        """Return a row's value as it is read; a part of nothing is « — »."""
        value: Any = getattr(row, self.attribute)
        if self.is_amount:
            return formatting.euros(value)
        if self.is_part:
            # Rounded down, as an office's pages do: 100 % is all.
            return formatting.percent(Decimal(100 * row.used // row.given)) if row.given else "—"
        if self.is_change and value > 0:
            return f"+{formatting.number(value)}"
        return formatting.number(value).replace("-", formatting.MINUS)


def _list_columns(year: int) -> tuple[YearColumn, ...]:
    return (
        YearColumn("vendues", "Vendues", "sold"),
        YearColumn("prix", "Prix HT", "price_ht", is_amount=True),
        YearColumn("offertes", "Offertes", "granted"),
        YearColumn("donnees", "Données", "given"),
        YearColumn("activees", "Activées", "redeemed"),
        YearColumn("utilisees", "Utilisées", "used"),
        YearColumn("part", "Part utilisée", "used_part", is_part=True),
        YearColumn("avant", f"Vendues {format_school_year(year - 1)}", "sold_before"),
        YearColumn("evolution", "Évolution", "change", is_change=True),
        YearColumn("apres", f"Vendues {format_school_year(year + 1)}", "sold_after"),
    )


_NAME = "nom"


def show_year(request: HttpRequest, year: int | None = None) -> HttpResponse:
    """Show a school year, the running one unless the address names another; 404 for one without licences."""
    years, today = list_sold_years(), date_in_paris(timezone.now())
    shown = _choose_year(years, get_school_year(today)) if year is None else _check_year(year, years)
    columns = _list_columns(shown)
    sort = _read_sort(request.GET.get(_SORT, ""), columns)
    rows = compute_year(shown, today)
    total = add_up_years(rows)
    renewed = [row for row in rows if row.sold_before]
    context = {
        "year": shown,
        "label": format_school_year(shown),
        "years": [(each, format_school_year(each), get_year_url(each)) for each in years],
        "headings": [
            _build_heading(slug, name, sort)
            for slug, name in ((_NAME, "Collectivité"), *((column.slug, column.label) for column in columns))
        ],
        "rows": [(row, [(c.label, c.format(row)) for c in columns]) for row in _sort(rows, columns, sort)],
        "total": [(column.label, column.format(total)) for column in columns],
        "count": len(rows),
        "renewed": sum(bool(row.sold) for row in renewed),
        "renewable": len(renewed),
        "before": format_school_year(shown - 1),
        "workbook_url": reverse("admin:year_workbook", args=[shown]) if rows else "",
    }
    return render(request, "back_office/year.html", context)


def export_year(request: HttpRequest, year: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the table of a school year as a workbook."""
    today = date_in_paris(timezone.now())
    shown = _check_year(year, list_sold_years())
    columns = _list_columns(shown)
    titles = ["Collectivité", "SIREN", *(column.label for column in columns)]
    rows = _list_workbook_rows(compute_year(shown, today), columns)
    content = build_workbook(WorksheetContent(format_school_year(shown), titles, (40, 12, *[14] * len(columns)), rows))
    return build_file_response(content, name=f"annee-{format_school_year(shown)}-au-{today}.xlsx", content_type=_XLSX)


def get_year_url(year: int) -> str:
    """Return the path of a year's page."""
    return reverse("admin:year_of", args=[year])


def _list_workbook_rows(rows: Sequence[CollectivityYear], columns: Sequence[YearColumn]) -> Iterator[Sequence[Any]]:
    for row in rows:
        values = (getattr(row, column.attribute) for column in columns)
        siren = row.collectivity.siren if row.collectivity else ""
        yield row.name, siren, *(value if isinstance(value, int) else round(float(value), 4) for value in values)


def _choose_year(years: Sequence[int], running: int) -> int:
    return max((year for year in years if year <= running), default=running)


def _check_year(year: int, years: Sequence[int]) -> int:
    """Return the year. Raises `Http404` where no collectivity has licences of it."""
    if year not in years:
        raise Http404("No collectivity has licences of this year.")
    return year


def _read_sort(asked: str, columns: Sequence[YearColumn]) -> str:
    """Return the order asked for, by name where it names no column."""
    known = {_NAME, *(column.slug for column in columns)}
    return asked if asked.removeprefix("-") in known else _NAME


def _sort(rows: Sequence[CollectivityYear], columns: Sequence[YearColumn], sort: str) -> list[CollectivityYear]:
    """Return the rows, which are by name, in the order asked for; equal ones stay by name."""
    attribute = {_NAME: "", **{column.slug: column.attribute for column in columns}}[sort.removeprefix("-")]
    is_reversed = sort.startswith("-")
    if attribute:
        return sorted(rows, key=lambda row: getattr(row, attribute), reverse=is_reversed)
    return list(reversed(rows)) if is_reversed else list(rows)


def _build_heading(slug: str, label: str, sort: str) -> dict[str, str]:
    """Return a heading, how its column is sorted now, and by what its link sorts: figures begin with the most."""
    first, second = (slug, f"-{slug}") if slug == _NAME else (f"-{slug}", slug)
    current = {slug: "ascending", f"-{slug}": "descending"}.get(sort, "")
    return {"label": label, "sorted": current, "query": f"{_SORT}={second if sort == first else first}"}
