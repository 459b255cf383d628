"""Cross-row checks of a file: repeated schools, shared addresses, subtotals, outliers.

The first check computes them from the parsed rows, a correction from the stored ones.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import inf

from imports.checks.context import (
    OUTLIER_MIN_UNITS,
    AddedRows,
    CheckContext,
    CheckRequest,
    ComparableRow,
    CrossRowFindings,
    RepeatedSchool,
    RowTerm,
    SharedEmail,
)
from imports.checks.unit_checks import ROW_VOLUMES, get_requested_units
from imports.columns import Meaning
from imports.enums import Purpose
from imports.parsing.declined_rows import DECLINED
from imports.problems import ADDED_UP, COUNTED_WITH_ANOTHER

#: Minimum number of terms of a sum: of two rows, one may well be double the other.
MIN_TERMS = 3
#: A sum exceeds its greatest term, and the median of the file, by these factors.
SUM_TO_TERM_FACTOR = 2
SUM_TO_MEDIAN_FACTOR = 3


def compare_rows_fast(rows: Iterable[CheckRequest], context: CheckContext) -> CrossRowFindings | None:
    """Return the findings if they are the median alone, None if a full comparison is needed.

    Fast path for most files: each school once, with an address of its own, and no large number.
    """
    if not _are_file_numbers(context):
        return None
    uais: list[str] = []
    emails: list[str] = []
    units: list[int | None] = []
    for row, school, set_aside, _, _, _ in rows:
        if not (row.ignored or set_aside):
            units.append(row.units)
            if school.uai:
                uais.append(school.uai)
            if row.email:
                emails.append(row.email.lower())
    if len(set(uais)) < len(uais) or len(set(emails)) < len(emails):
        return None
    median, greatest = _median_and_max(units)
    if median and greatest >= median * SUM_TO_MEDIAN_FACTOR:
        return None
    return CrossRowFindings({}, {}, {}, median, _check_threshold(median))


def _are_file_numbers(context: CheckContext) -> bool:
    """Whether each school must have the number of its row."""
    return context.purpose is not Purpose.PORTFOLIO and context.volume in ROW_VOLUMES and context.additions is None


def build_comparable_rows(rows: Iterable[CheckRequest], context: CheckContext) -> list[ComparableRow]:
    """Return the rows as needed for cross-row checks."""
    if not _are_file_numbers(context) or context.adds_up:
        return [build_comparable_row(request, context) for request in rows]
    # Inlined `build_comparable_row`: a call per row is noticeable on 60,000 rows.
    return [
        ComparableRow(
            row.sheet, row.number, school.uai, row.email.lower(), row.units, row.units, row.cells.get("commune", ""),
            not (row.ignored or set_aside),
        )
        for row, school, set_aside, _, _, _ in rows
    ]  # fmt: skip


def build_comparable_row(request: CheckRequest, context: CheckContext) -> ComparableRow:
    """Return a row as needed for cross-row checks."""
    row = request.row
    if context.purpose is Purpose.PORTFOLIO:
        units = None
        statement: object = (row.contact_name, row.email.lower(), row.phone, row.classes)
    else:
        wanted = get_requested_units(request, context)
        statement = units = wanted if isinstance(wanted, int) else None
    return ComparableRow(
        row.sheet,
        row.number,
        request.school.uai,
        row.email.lower(),
        units,
        statement,
        row.cells.get(Meaning.COMMUNE, ""),
        not row.ignored and not request.set_aside,
        None if context.purpose is Purpose.PORTFOLIO else _build_term(request, units, context),
    )


def _build_term(request: CheckRequest, units: int | None, context: CheckContext) -> RowTerm | None:
    """Return what a row adds to the others of its school, None where they are to be compared.

    `units`: what the school must have by this row.
    """
    row = request.row
    chosen = any(note.code == ADDED_UP and note.message == request.school.uai for note in row.notes)
    # The number of a row that the parser added to another, and that is restored, is in that of the other.
    if not chosen and (not context.adds_up or any(note.code == COUNTED_WITH_ANOTHER for note in row.notes)):
        return None
    typed = request.own_units
    school = context.schools.get(request.school.uai)
    if units is not None and context.additions is not None and school is not None and not typed:
        units -= school.held
    declined = not chosen and not typed and any(problem.code == DECLINED for problem in row.problems)
    people = () if typed else tuple(person for note in row.notes for person in note.respondents)
    return RowTerm(units, typed, declined, people)


def compare_rows(lines: Sequence[ComparableRow]) -> CrossRowFindings:
    """Return the findings for all rows of a file, in file order."""
    counted = [line for line in lines if line.counted]
    same_school = _same_school(counted)
    if combined := _combine(same_school.values()):
        lines = [line._replace(units=combined.get(line.place, line.units)) for line in lines]
        counted = [line for line in lines if line.counted]
    median, greatest = _median_and_max([line.units for line in counted])
    return CrossRowFindings(
        same_school,
        _shared(counted),
        _sums(lines, median * SUM_TO_MEDIAN_FACTOR) if median and greatest >= median * SUM_TO_MEDIAN_FACTOR else {},
        median,
        _check_threshold(median),
    )


def _median_and_max(units: Iterable[int | None]) -> tuple[int, int]:
    """Return the (lower) median and the maximum, ignoring zeros."""
    numbers = sorted(filter(None, units))
    return (numbers[(len(numbers) - 1) // 2], numbers[-1]) if numbers else (0, 0)


def _check_threshold(median: int) -> float:
    return min(median * SUM_TO_MEDIAN_FACTOR, OUTLIER_MIN_UNITS) if median else inf


def _same_school(lines: Sequence[ComparableRow]) -> dict[str, RepeatedSchool]:
    named = [line.uai for line in lines if line.uai]
    if len(set(named)) == len(named):
        return {}
    found: dict[str, list[ComparableRow]] = defaultdict(list)
    for line in lines:
        if line.uai:
            found[line.uai].append(line)
    return {
        uai: RepeatedSchool(same, len({line.statement for line in same}) == 1, _add_up(same))
        for uai, same in found.items()
        if len(same) > 1
    }


def _add_up(lines: Sequence[ComparableRow]) -> AddedRows | None:
    """Return how the rows of one school add up, None where one of them does not, or none has a number."""
    terms = {line.place: line.term for line in lines if line.term is not None}
    if len(terms) < len(lines):
        return None
    kept = [line for line in lines if not terms[line.place].declined] or lines
    added: dict[tuple[int, int], int] = {}
    people: set[str] = set()
    for line in kept:
        units, _, _, respondents = terms[line.place]
        if units is not None:
            added[line.place] = max(units - len(people.intersection(respondents)), 0)
            people.update(respondents)
    first = next((line for line in kept if line.place in added), None)
    return AddedRows(first, added) if first else None


def _combine(schools: Iterable[RepeatedSchool]) -> dict[tuple[int, int], int | None]:
    """Return the licences of the rows that were added up, by place: the first has them all."""
    found: dict[tuple[int, int], int | None] = {}
    for lines, _, added in schools:
        if added is not None:
            found |= dict.fromkeys(line.place for line in lines)
            found[added.first.place] = added.units
    return found


def _shared(lines: Sequence[ComparableRow]) -> dict[str, SharedEmail]:
    given = [line.email for line in lines if line.email and line.uai]
    if len(set(given)) == len(given):
        return {}
    found: dict[str, list[ComparableRow]] = defaultdict(list)
    for line in lines:
        if line.email and line.uai:
            found[line.email].append(line)
    counted = {
        email: SharedEmail(same, Counter(line.uai for line in same)) for email, same in found.items() if len(same) > 1
    }
    return {email: shared for email, shared in counted.items() if len(shared.schools) > 1}


def _sums(lines: Sequence[ComparableRow], floor: int) -> dict[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]]:
    """Return the rows of `floor` licences or more that are the sum of the rows above them.

    Candidates: rows since the last break (a total, a note, another sum), of the same commune, or of the whole sheet.
    """
    found: dict[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]] = {}
    terms: list[ComparableRow] = []
    running = [0]
    since_sheet = since_break = since_commune = 0
    sheet, commune = -1, ""
    for line in lines:
        if line.sheet != sheet:
            sheet, commune = line.sheet, line.commune
            since_sheet = since_break = since_commune = len(terms)
        if not line.counted:
            since_break = since_commune = len(terms)
            continue
        if line.commune != commune:
            commune, since_commune = line.commune, len(terms)
        units = line.units
        if not units:
            continue
        start = _sum_start(units, terms, running, (since_commune, since_break, since_sheet)) if units >= floor else None
        if start is None:
            terms.append(line)
            running.append(running[-1] + units)
        else:
            found[line.place] = (terms[start].place, terms[-1].place)
            since_break = since_commune = len(terms)
    return found


def _sum_start(units: int, terms: Sequence[ComparableRow], running: Sequence[int], starts: Iterable[int]) -> int | None:
    """Return the index of the first term of the sum, None if the number is no sum that stands out."""
    for start in starts:
        if running[-1] - running[start] == units and len(terms) - start >= MIN_TERMS:
            greatest = max(term.units or 0 for term in terms[start:])
            if units > SUM_TO_TERM_FACTOR * greatest:
                return start
    return None
