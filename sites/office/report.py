"""« Rapport pour le conseil »: a school year of an office on one page, as a PDF, as a workbook and by API."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.queries import get_current_collectivity, get_office_settings, list_members
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.formatting import format_school_year
from core.spreadsheets import WorksheetContent, build_workbook
from licensing.entitlements.queries import get_school_year
from licensing.pools.year_use import list_bought_years
from sites.office.year_report import (
    ReportLine,
    YearReport,
    choose_year,
    describe_day,
    describe_group,
    draw_report_curve,
    list_lines,
    list_notes,
    list_uses,
    read_report,
)

_SCHOOL_TITLES = ("UAI", "École", "Commune", "Licences", "Activées", "Utilisées")
_WEEK_TITLES = (
    "Semaine du", "Clés envoyées", "Relances envoyées", "Clés activées", "Licences activées",
    "Licences activées en tout", "Licences utilisées à la fin",
)  # fmt: skip


def build_report_workbook(report: YearReport, *, with_price: bool) -> bytes:
    """Return the report as an xlsx file: « Chiffres », « Écoles », « Semaines »."""
    titles = ["Chiffre", f"{report.label}, au {formatting.short_date(report.day)}"]
    if report.last_year is not None:
        titles.append(f"{report.last_label}, à la fin")
    if report.same_day is not None:
        titles.append(f"{report.last_label}, à la même date")
    return build_workbook(
        WorksheetContent("Chiffres", titles, (44, 24, 24, 24), _list_figures(report, with_price=with_price)),
        WorksheetContent("Écoles", _SCHOOL_TITLES, (11, 44, 28, 10, 10, 10), _list_schools(report)),
        WorksheetContent("Semaines", _WEEK_TITLES, (12, 10, 10, 10, 10, 13, 13), _list_weeks(report)),
    )


def _list_figures(report: YearReport, *, with_price: bool) -> Iterator[Sequence[Any]]:
    for line in list_lines(report, with_price=with_price):
        yield (line.label, *(_as_number(value) for value in _choose_values(report, line)))
    for label, schools in list_uses(report):
        yield f"Écoles : {label[:1].lower()}{label[1:]}", schools
    for note in list_notes(report, with_price=with_price):
        yield (note,)


def _choose_values(report: YearReport, line: ReportLine) -> list[int | Decimal | None]:
    values = [line.now]
    if report.last_year is not None:
        values.append(line.last_year)
    if report.same_day is not None:
        values.append(line.same_day)
    return values


def _as_number(value: int | Decimal | None) -> int | float | None:
    # Exact to the cent: a workbook has no decimals but these.
    return float(value) if isinstance(value, Decimal) else value


def _list_schools(report: YearReport) -> Iterator[Sequence[Any]]:
    for school in report.schools:
        yield school.uai, school.name, school.commune, *school.use
    if report.grouped is not None:
        yield "", describe_group(report.grouped), "", *report.grouped.use


def _list_weeks(report: YearReport) -> Iterator[Sequence[Any]]:
    for week in report.weeks:
        counts = week.counts
        yield (
            week.monday, counts.sent, counts.reminded, counts.activated, counts.licences, week.redeemed, week.used,
        )  # fmt: skip


#: Schools that the page names; the workbook has them all.
MAX_SCHOOLS = 50
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_GET
def show_report(request: OfficeHttpRequest) -> HttpResponse:
    """Show the report of a school year, the running one unless the address names another."""
    years = list_bought_years()
    if not years and "annee" not in request.GET:
        buys = request.member.may(Capability.BUY_LICENCES)
        buyers = [] if buys else list_members(Capability.BUY_LICENCES)
        return render(request, "office/report.html", {"buys": buys, "buyers": buyers})
    report = _read(request, years, named=MAX_SCHOOLS)
    with_price = request.member.may(Capability.READ_ORDERS)
    context = {
        "report": report,
        "years": [(year, format_school_year(year)) for year in years],
        "on_day": describe_day(report),
        "lines": list_lines(report, with_price=with_price),
        "uses": list_uses(report),
        "notes": list_notes(report, with_price=with_price),
        "curve": draw_report_curve(report.weeks) if report.weeks else None,
        "schools": report.name_schools(MAX_SCHOOLS),
        "more_schools": max(0, report.split.total - MAX_SCHOOLS),
        "group_words": describe_group(report.grouped) if report.grouped else "",
        "has_logo": get_office_settings().logo is not None,
    }
    return render(request, "office/report.html", context)


@office()
@require_GET
@limit_downloads
def report_pdf(request: OfficeHttpRequest) -> HttpResponse:
    """Return the report as a PDF of one page."""
    report = _read(request, list_bought_years())
    # Importing fpdf takes 0.5 s, and the other pages do without.
    from sites.office.printed_report import render_report  # noqa: PLC0415

    content = render_report(
        report,
        collectivity=get_current_collectivity().name,
        logo=get_office_settings().logo,
        with_price=request.member.may(Capability.READ_ORDERS),
        at=timezone.now(),
    )
    return build_file_response(content, name=f"{_name_file(report)}.pdf", content_type="application/pdf")


@office()
@require_GET
@limit_downloads
def report_workbook(request: OfficeHttpRequest) -> HttpResponse:
    """Return the figures of the report as a workbook."""
    report = _read(request, list_bought_years())
    content = build_report_workbook(report, with_price=request.member.may(Capability.READ_ORDERS))
    return build_file_response(content, name=f"{_name_file(report)}.xlsx", content_type=_XLSX)


def _read(request: HttpRequest, years: Sequence[int], *, named: int | None = None) -> YearReport:
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
    return read_report(year, today, named=named)


def _name_file(report: YearReport) -> str:
    return f"rapport-{report.label}-au-{report.day}"
