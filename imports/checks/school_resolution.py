"""Resolve the school of each row, and the column of UAI in doubt, by one search of the directory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from collectivities.models import PortfolioSchool
from imports.columns import Meaning
from imports.enums import RowMatchMethod
from imports.layout import LayoutQuestion
from imports.parsing.column_mapping import ComparedRow
from imports.parsing.column_questions import EXAMPLES, UAI_COLUMNS
from imports.parsing.rows import ParsedRow
from schools import uai
from schools.models import School
from schools.recognition import Proposal, RecognitionResult, SchoolReference, SearchScope
from schools.recognition.candidates import SchoolSummary, fetch_summaries
from schools.recognition.decisions import matches_summary
from schools.recognition.pipeline import recognise

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


class ResolvedSchool(NamedTuple):
    """The school of a row, "" if none is certain, with the proposals and the reason in `doubt`.

    A valid UAI that the directory does not know (`unknown_school`) is kept in `uai`, with an empty match method:
    awaited rows are looked up by it.
    """

    uai: str
    match_method: str
    confidence: float | None
    proposals: tuple[Proposal, ...]
    doubt: str
    #: A valid UAI in the cell that is not sufficient evidence.
    read: str = ""

    @property
    def proposals_as_json(self) -> list[dict[str, Any]]:
        """Return the proposals as they are stored."""
        return [proposal._asdict() for proposal in self.proposals]


UNRESOLVED = ResolvedSchool("", "", None, (), "")


def resolve_schools(
    rows: Iterable[tuple[ParsedRow, Mapping[str, str]]],
    summaries_by_uai: dict[str, SchoolSummary] | None = None,
    *,
    for_elementary: bool,
) -> list[ResolvedSchool]:
    """Return the school of each row, in order. `rows`: rows with their edits.

    `summaries_by_uai` is filled with the directory data read on the way. `for_elementary`: the product leaves out
    maternelles, which are then not proposed.
    """
    resolved: list[ResolvedSchool] = []
    #: The cell of each row's UAI.
    codes: list[str] = []

    def list_named() -> Iterator[SchoolReference]:
        for key, (row, edits) in enumerate(rows):
            resolved.append(UNRESOLVED)
            codes.append("")
            if row.ignored:
                continue
            cells = {**row.cells, **edits} if edits else row.cells
            if Meaning.CHOICE in cells or edits.get(Meaning.UAI):
                chosen = uai.normalise(edits.get(Meaning.UAI) or cells[Meaning.CHOICE].split(" ")[0])
                if uai.is_valid(chosen):
                    # Chosen by a person: not compared with other cells. The directory is checked later.
                    resolved[key] = ResolvedSchool(chosen, RowMatchMethod.CHOSEN.value, 1.0, (), "")
                    continue
            text = cells.get
            codes[key] = text("uai", "")
            yield SchoolReference(
                key,
                codes[key],
                text("name", ""),
                text("commune", ""),
                text("postal_code", ""),
                text("departement", ""),
                text("address", ""),
                text("kind", ""),
            )

    scope = get_search_scope(for_elementary=for_elementary)
    results = recognise(list_named(), scope, summaries_by_uai)
    while results:
        # Let go one by one: 10 MB of 100,000.
        key, found = results.popitem()
        resolved[key] = (
            ResolvedSchool(
                found.uai, found.match_method.value if found.match_method else "", found.confidence, found.proposals, ""
            )
            if found.uai
            else _unresolved(found, codes[key])
        )
    return resolved


def _unresolved(found: RecognitionResult, code: str) -> ResolvedSchool:
    read = find_valid_uai({Meaning.UAI: code})
    known_as = read if found.doubt_code == "unknown_school" else ""
    return ResolvedSchool(known_as, "", None, found.proposals, found.doubt_code, read)


def find_valid_uai(cells: Mapping[str, str]) -> str:
    """Return the valid UAI in these cells, "" if there is none."""
    read = uai.normalise(cells.get(Meaning.UAI, ""))
    return read if uai.is_valid(read) else ""


def collect_uais(schools: Iterable[ResolvedSchool]) -> set[str]:
    """Return the UAIs that these rows were resolved to or mention."""
    return {found.uai or found.read for found in schools} - {""}


def get_search_scope(*, for_elementary: bool) -> SearchScope:
    """Return the search scope for rows without UAI: the portfolio and its départements."""
    uais = frozenset(PortfolioSchool.objects.values_list("school_id", flat=True))
    departements = School.objects.filter(pk__in=PortfolioSchool.objects.values("school_id")).values_list(
        "departement_code", flat=True
    )
    return SearchScope(uais, frozenset(departements) - {""}, offers_nurseries=not for_elementary)
