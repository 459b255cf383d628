"""What the report says, in French: the same lines on screen, in the PDF and in the workbook."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from core import formatting
from sites.office.home.figures import format_share
from sites.office.report.threshold import MIN_LICENCES, GroupedSchools
from sites.office.report.year_report import ReportFigures, YearReport

#: Where a figure is not known, or may not be told.
NO_FIGURE = "—"


class ReportLine(NamedTuple):
    """A figure of the year, beside those of the year before: at its end, and on the same day; None for unknown."""

    label: str
    now: int | Decimal | None
    last_year: int | Decimal | None
    same_day: int | Decimal | None
    #: What the figure is a part of, « 64 % des données »; empty for none.
    details: str = ""
    is_amount: bool = False

    def format(self, value: int | Decimal | None) -> str:
        """Return a value as it is read."""
        if value is None:
            return NO_FIGURE
        return formatting.euros(Decimal(value)) if self.is_amount else formatting.number(int(value))

    @property
    def now_text(self) -> str:
        return self.format(self.now)

    @property
    def last_year_text(self) -> str:
        return self.format(self.last_year)

    @property
    def same_day_text(self) -> str:
        return self.format(self.same_day)


def list_lines(report: YearReport, *, with_price: bool) -> list[ReportLine]:
    """Return the figures of the report; `with_price`: those who may not see prices get none.

    No price either where all is granted, this year and the last: four rows would say so.
    """
    now = report.figures
    lines = [
        _count(report, "Licences achetées", lambda one: one.bought, _describe_gifts(now)),
        _count(report, "Données aux écoles", lambda one: one.given, _share(now.given, now.bought, "des achetées")),
        _count(report, "Activées", lambda one: one.redeemed, _share(now.redeemed, now.given, "des données")),
        _count(report, "Utilisées par une classe", lambda one: one.used, _share(now.used, now.given, "des données")),
        _count(report, "Écoles qui ont des licences", lambda one: one.schools),
    ]
    if with_price and _has_price(report):
        cost, last = report.cost, report.last_cost
        lines += [
            # What the operator granted has no price: not one of 0 €.
            _amount("Prix des licences HT", cost.total.ht or None, last.total.ht or None),
            _amount("Prix des licences TTC", cost.total.ttc or None, last.total.ttc or None),
            _amount("Prix d’une classe utilisée HT", cost.ht, last.ht),
            _amount("Prix d’une classe utilisée TTC", cost.ttc, last.ttc),
        ]
    return lines


def _has_price(report: YearReport) -> bool:
    return bool(report.cost.total.ht or report.last_cost.total.ht)


def _count(
    report: YearReport, label: str, choose: Callable[[ReportFigures], int | None], details: str = ""
) -> ReportLine:
    return ReportLine(
        label,
        choose(report.figures),
        choose(report.last_year) if report.last_year else None,
        choose(report.same_day) if report.same_day else None,
        details,
    )


def _amount(label: str, now: Decimal | None, last_year: Decimal | None) -> ReportLine:
    return ReportLine(label, now, last_year, None, is_amount=True)


def _describe_gifts(figures: ReportFigures) -> str:
    if not figures.granted:
        return ""
    if figures.granted == figures.bought:
        return "offertes"
    return f"dont {formatting.pluralize(figures.granted, 'offerte')}"


def _share(part: int | None, total: int, base: str) -> str:
    return f"{format_share(part, total)} {base}" if part is not None and total else ""


def list_uses(report: YearReport) -> list[tuple[str, int]]:
    """Return how many schools use their licences, in four lines; none where a class could be recognised."""
    if report.by_use is None or not report.figures.schools:
        return []
    return [
        ("Utilisent toutes leurs licences", report.by_use.all_used),
        ("En utilisent une partie", report.by_use.some_used),
        ("Ont activé, sans rien utiliser encore" if not report.is_over else "Ont activé, sans rien utiliser",
         report.by_use.none_used),
        ("N’ont pas activé leur clé", report.by_use.not_redeemed),
    ]  # fmt: skip


def describe_group(grouped: GroupedSchools) -> str:
    """Return « 14 écoles non nommées, ensemble »."""
    return f"{formatting.pluralize(grouped.schools, 'école non nommée', 'écoles non nommées')}, ensemble"


def describe_day(report: YearReport) -> str:
    """Return « au 28 novembre 2026 »."""
    return f"au {formatting.long_date(report.day)}"


def list_notes(report: YearReport, *, with_price: bool) -> list[str]:
    """Return what a reader has to know of the figures, in sentences."""
    notes = ["Une licence est utilisée quand un enseignant l’a pour sa classe ce jour-là."]
    if report.figures.used is None:
        notes.append(
            f"Moins de {MIN_LICENCES} licences sont données : dire combien servent ferait reconnaître une classe."
        )
    elif report.grouped is not None:
        notes.append(
            f"Une école de moins de {MIN_LICENCES} licences n’est pas nommée : une classe s’y reconnaîtrait. "
            "Elles sont comptées ensemble, avec une plus grande s’il le faut."
        )
    if with_price and _has_price(report):
        notes.append(
            "Prix des commandes passées, avoirs déduits ; les licences offertes n’en ont pas. "
            "Le prix d’une classe est ce total, partagé entre les licences utilisées."
        )
    if report.same_day is not None:
        notes.append("Un an avant : les écoles servies ce jour-là, dans les volumes qu’elles ont eus ensuite.")
    return [formatting.add_nonbreaking_spaces(note) for note in notes]
