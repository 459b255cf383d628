"""« L'année, par collectivité »: sales, use and renewal of a school year, sorted by any column; and as a workbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.spreadsheets import WorksheetContent, build_workbook
from licensing.entitlements.queries import get_school_year
from sites.back_office.pages.year_figures import CollectivityYear, add_up_years, compute_year, list_sold_years

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
        YearColumn("avant", f"Vendues {_label(year - 1)}", "sold_before"),
        YearColumn("evolution", "Évolution", "change", is_change=True),
        YearColumn("apres", f"Vendues {_label(year + 1)}", "sold_after"),
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
        "label": _label(shown),
        "years": [(each, _label(each), get_year_url(each)) for each in years],
        "headings": [
            _build_heading(slug, name, sort)
            for slug, name in ((_NAME, "Collectivité"), *((column.slug, column.label) for column in columns))
        ],
        "rows": [(row, [(c.label, c.format(row)) for c in columns]) for row in _sort(rows, columns, sort)],
        "total": [(column.label, column.format(total)) for column in columns],
        "count": len(rows),
        "renewed": sum(bool(row.sold) for row in renewed),
        "renewable": len(renewed),
        "before": _label(shown - 1),
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
    content = build_workbook(WorksheetContent(_label(shown), titles, (40, 12, *[14] * len(columns)), rows))
    return build_file_response(content, name=f"annee-{_label(shown)}-au-{today}.xlsx", content_type=_XLSX)


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


def _label(year: int) -> str:
    return f"{year - 1}-{year}"
