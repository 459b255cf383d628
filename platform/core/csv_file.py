"""The writer of CSV files, as French spreadsheet programs read them: « ; », UTF-8 with a BOM, no field a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from core.formulas import quote_formula


def build_csv(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return the file, under a line of titles."""
    text = io.StringIO()
    lines = csv.writer(text, delimiter=";", lineterminator="\r\n")
    lines.writerow(titles)
    lines.writerows([quote_formula(field) for field in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")
