"""« Écoles »: the portfolio with what each school holds, activated and uses, and its export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from collectivities.queries import list_members
from collectivities.views.portfolio import EDITORS
from core.calendar import date_in_paris
from licensing.pools.filters import DORMANT_DAYS
from licensing.pools.queries import AllocationState, list_key_letters
from sites.office.schools.filters import DORMANT, describe_year
from sites.office.schools.listing import COLUMNS, SchoolListing
from sites.office.schools.school import LIST_PARAMETER
from sites.office.schools.workbook import build_workbook

PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def school_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the filtered and sorted schools of the portfolio, below what the whole portfolio lacks."""
    listing = SchoolListing.of(request.GET, date_in_paris(timezone.now()))
    page = Paginator(listing.uais, PAGE_SIZE).get_page(request.GET.get("page"))
    roles = request.member.roles
    last_day = listing.filter.last_day
    overview, manages = listing.summarise(), Role.MANAGER in roles
    context = {
        "filter": listing.filter,
        "filtered": listing.filter.narrows,
        "columns": [_build_heading(column.name, listing.sort) | column._asdict() for column in listing.columns],
        "page_obj": page,
        "schools": listing.load(list(page.object_list)),
        "overview": overview,
        "managers": list_members(Role.MANAGER) if overview.dormant and not manages else [],
        "dormant_days": DORMANT_DAYS,
        "school_query": _build_school_query(request.GET),
        "year": describe_year(last_day) if last_day else "",
        "year_query": urlencode(listing.filter.list_chosen("year")),
        "remind_query": _build_remind_query(listing),
        "shows_dormant": listing.filter.chosen_licences == DORMANT,
        "shows_letters": listing.shows_letters,
        "list_query": request.GET.urlencode(),
        "may_change": not set(EDITORS).isdisjoint(roles),
        "manages": manages,
    }
    return render(request, "office/schools/list.html", context)


@office()
@require_GET
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export the filtered list, all pages, as a workbook."""
    today = date_in_paris(timezone.now())
    listing = SchoolListing.of(request.GET, today)
    content = build_workbook(listing.load(listing.uais), list_key_letters(listing.filter.last_day))
    response = HttpResponse(content, content_type=_XLSX_CONTENT_TYPE)
    name = "-".join(["ecoles", *listing.filter.list_slugs(), str(today)])
    response["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


def _build_heading(name: str, sort: str) -> dict[str, Any]:
    """Return how a column is sorted now, and by what its heading's link sorts: figures begin with the most."""
    column, is_reversed = sort.removeprefix("-"), sort.startswith("-")
    first, second = (f"-{name}", name) if name in _FIGURES else (name, f"-{name}")
    is_sorted = column == name
    return {
        "sorted": ("descending" if is_reversed else "ascending") if is_sorted else "",
        "next": second if is_sorted and sort == first else first,
    }


def _build_school_query(parameters: QueryDict) -> str:
    """Return what a school's link carries, so that its page leads back to the list as it is filtered; may be empty."""
    return f"?{urlencode({LIST_PARAMETER: parameters.urlencode()})}" if parameters else ""


_FIGURES = frozenset(column.name for column in COLUMNS if column.is_figure)


def _build_remind_query(listing: SchoolListing) -> str:
    """Return the parameters of the list of allocations that find the keys of these schools still to be redeemed.

    Empty where that list knows no filter that is set here.
    """
    chosen = listing.filter.list_chosen("text", "commune", "contact")
    if "contact" in chosen:
        return ""
    query = {"state": AllocationState.ISSUED.value}
    if "text" in chosen:
        query["q"] = chosen["text"]
    if "commune" in chosen:
        query["commune"] = listing.filter.name_commune(chosen["commune"])
    return urlencode(query)
