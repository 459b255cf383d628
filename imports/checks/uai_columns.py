"""Choose between columns of UAI by the directory: the one whose schools bear the names of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools import uai
from schools.recognition import SchoolReference, fetch_summaries
from schools.recognition.evidence import matches_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.parsing.uai_columns import ComparedRow

#: Share of the rows that the schools of a column must agree with.
MIN_AGREEING_SHARE = 0.5
#: The next column may agree with this share of them at most.
MAX_OTHER_SHARE = 0.2


def find_agreeing_column(rows: Sequence[ComparedRow]) -> str:
    """Return the letters of the only column whose schools agree with the rows that name one, "" where none does."""
    rows = [row for row in rows if row.name]
    codes = {letters: [uai.normalise(row.uais[letters]) for row in rows] for row in rows[:1] for letters in row.uais}
    summaries = fetch_summaries({code for column in codes.values() for code in column if uai.is_valid(code)})
    hits = {
        letters: sum(
            code in summaries
            and matches_summary(
                SchoolReference(number, name=row.name, commune=row.commune, postal_code=row.postal_code),
                summaries[code],
            )
            for number, (row, code) in enumerate(zip(rows, column, strict=True))
        )
        for letters, column in codes.items()
    }
    best = max(hits, key=lambda letters: hits[letters], default="")
    others = max((count for letters, count in hits.items() if letters != best), default=0)
    if not best or hits[best] < MIN_AGREEING_SHARE * len(rows) or others > MAX_OTHER_SHARE * hits[best]:
        return ""
    return best
