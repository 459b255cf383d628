"""« Rapport »: the year on a page, and its PDF and workbook."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from collectivities.queries import get_office_settings, list_members
from core.calendar import date_in_paris
from core.documents import build_file_response
from licensing.entitlements.queries import get_school_year
from sites.office.purchases import get_current_collectivity
from sites.office.report.curve import draw_report_curve
from sites.office.report.lines import describe_day, describe_group, list_lines, list_notes, list_uses
from sites.office.report.workbook import build_report_workbook
from sites.office.report.year_report import YearReport, choose_year, label_year, list_report_years, read_report

#: Schools that the page names; the workbook has them all.
MAX_SCHOOLS = 50
#: Who reads prices.
PRICE_ROLES = frozenset({Role.BUYER, Role.MANAGER})
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def show_report(request: OfficeHttpRequest) -> HttpResponse:
    """Show the report of a school year, the running one unless the address names another."""
    years = list_report_years()
    if not years and "annee" not in request.GET:
        buys = Role.BUYER in request.member.roles
        return render(request, "office/report.html", {"buys": buys, "buyers": [] if buys else list_members(Role.BUYER)})
    report = _read(request, years)
    with_price = _may_read_prices(request)
    named = len(report.split.named)
    context = {
        "report": report,
        "years": [(year, label_year(year)) for year in years],
        "on_day": describe_day(report),
        "lines": list_lines(report, with_price=with_price),
        "uses": list_uses(report),
        "notes": list_notes(report, with_price=with_price),
        "curve": draw_report_curve(report.weeks) if report.weeks else None,
        "schools": report.name_schools(MAX_SCHOOLS),
        "more_schools": max(0, named - MAX_SCHOOLS),
        "group_words": describe_group(report.grouped) if report.grouped else "",
        "has_logo": get_office_settings().logo is not None,
    }
    return render(request, "office/report.html", context)


@office()
@require_GET
@limit_downloads
def report_pdf(request: OfficeHttpRequest) -> HttpResponse:
    """Return the report as a PDF of one page."""
    report = _read(request, list_report_years())
    # Importing fpdf takes 0.5 s, and the other pages do without.
    from sites.office.report.pdf import render_report  # noqa: PLC0415

    content = render_report(
        report,
        collectivity=get_current_collectivity().name,
        logo=get_office_settings().logo,
        with_price=_may_read_prices(request),
        at=timezone.now(),
    )
    return build_file_response(content, name=f"{_name_file(report)}.pdf", content_type="application/pdf")


@office()
@require_GET
@limit_downloads
def report_workbook(request: OfficeHttpRequest) -> HttpResponse:
    """Return the figures of the report as a workbook."""
    report = _read(request, list_report_years())
    content = build_report_workbook(report, with_price=_may_read_prices(request))
    return build_file_response(content, name=f"{_name_file(report)}.xlsx", content_type=_XLSX)


def _read(request: HttpRequest, years: Sequence[int]) -> YearReport:
    """Return the report that the address asks for, or of the year to show first.

    Raises `Http404` for a year without licences.
    """
    today = date_in_paris(timezone.now())
    asked = request.GET.get("annee")
    # Compared as text: whatever else is typed is no year of the collectivity.
    first = choose_year(years, today) or get_school_year(today)
    year = first if asked is None else {str(one): one for one in years}.get(asked)
    if year is None:
        raise Http404("The collectivity has no licences of this year.")
    return read_report(year, today)


def _may_read_prices(request: OfficeHttpRequest) -> bool:
    return not PRICE_ROLES.isdisjoint(Role(role) for role in request.member.roles)


def _name_file(report: YearReport) -> str:
    return f"rapport-{report.label}-au-{report.day}"
