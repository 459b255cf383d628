"""A report as a CSV file, for platforms that take its figures by hand.

One line for each day, category and rate; amounts in euros, with a decimal comma.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core import spreadsheets
from core.formatting import short_date
from licensing.e_reporting.models import PeriodReport
from licensing.e_reporting.periods import ReportKind

_HEADERS = (
    "nature", "type", "période du", "au", "jour", "catégorie", "taux de TVA", "montant HT", "TVA", "encaissé TTC",
    "devise",
)  # fmt: skip


def build_csv(report: PeriodReport) -> bytes:
    """Return the file. Of sales it has « montant HT » and « TVA », of payments « encaissé TTC »."""
    return spreadsheets.build_csv(_HEADERS, _list_lines(report))


def _list_lines(report: PeriodReport) -> Iterator[list[str]]:
    begin = [
        ReportKind(report.kind).label,
        "rectificative" if report.rank else "initiale",
        short_date(report.begins_on),
        short_date(report.ends_on),
    ]
    for day in report.content["days"]:
        for rate in day["rates"]:
            amounts = [_comma(rate, name) for name in ("vat_rate", "ht", "vat", "ttc")]
            yield [*begin, day["on"], day.get("category", ""), *amounts, "EUR"]


def _comma(rate: dict[str, Any], name: str) -> str:
    return str(rate.get(name, "")).replace(".", ",")
