"""Between columns of UAI, by the directory: find the one whose schools bear the names of the rows; name examples."""

from __future__ import annotations

from collections.abc import Sequence

from imports.parsing.uai_columns import EXAMPLES, UAI_COLUMNS, ComparedRow
from imports.question import LayoutQuestion
from schools import uai
from schools.recognition.candidates import fetch_summaries
from schools.recognition.evidence import matches_summary
from schools.recognition.results import SchoolReference

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


def name_examples(questions: Sequence[LayoutQuestion]) -> list[LayoutQuestion]:
    """Return the questions, those between columns of UAI with the directory's name of each school that they show."""
    return [_name_schools(question) if question.code == UAI_COLUMNS else question for question in questions]


def _name_schools(question: LayoutQuestion) -> LayoutQuestion:
    shown = {option.value: option.label.partition(EXAMPLES) for option in question.options}
    codes = {code: uai.normalise(code) for _, _, examples in shown.values() for code in examples.split(", ") if code}
    summaries = fetch_summaries({code for code in codes.values() if uai.is_valid(code)})

    def describe(code: str) -> str:
        school = summaries.get(codes[code])
        return f"{code} ({school.label if school is not None else "pas dans l'annuaire"})"

    options = []
    for option in question.options:
        title, separator, examples = shown[option.value]
        named = ", ".join(describe(code) for code in examples.split(", ") if code)
        options.append(option._replace(label=f"{title}{separator}{named}"))
    return question._replace(options=tuple(options))
