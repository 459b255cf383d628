"""The figures of the report as a workbook of three sheets, with numbers as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from core import formatting
from core.spreadsheets import WorksheetContent, build_workbook
from sites.office.report.lines import ReportLine, describe_group, list_lines, list_notes, list_uses
from sites.office.report.year_report import YearReport

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
