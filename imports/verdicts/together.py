"""Cross-row checks of a file: repeated schools, shared addresses, subtotals, outliers.

The first check computes them from the parsed rows, a correction from the stored ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from imports.enums import Purpose
from imports.meanings import Meaning
from imports.verdicts.volumes import OF_THE_ROW, units_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imports.verdicts.rows import Asked
    from imports.verdicts.situation import Situation

#: Minimum number of terms of a sum: of two rows, one may well be double the other.
TERMS = 3
#: A sum exceeds its greatest term, and the median of the file, by these factors.
ABOVE_TERMS = 2
ABOVE_MEDIAN = 3
#: An outlier exceeds the median by this factor, and the number of classes of any school.
HUGE_TIMES = 20
HUGE_UNITS = 60


class Line(NamedTuple):
    """A row as needed for cross-row checks. `counted`: neither ignored nor set aside."""

    sheet: int
    number: int
    uai: str
    email: str
    units: int | None
    #: Everything the row states about its school; rows with equal statements do not contradict each other.
    said: object
    commune: str
    counted: bool

    @property
    def place(self) -> tuple[int, int]:
        """Sheet and number of the row."""
        return (self.sheet, self.number)


class Repeated(NamedTuple):
    """The rows of one school, in order, and whether their statements agree."""

    lines: Sequence[Line]
    agree: bool


class Shared(NamedTuple):
    """The rows of one address, in order, with the number of rows of each school."""

    lines: Sequence[Line]
    schools: Mapping[str, int]


class Together(NamedTuple):
    """Findings of the cross-row checks. Places are (sheet, number)."""

    #: Schools with several rows, by UAI.
    same_school: Mapping[str, Repeated]
    #: Addresses of several schools, by lower-case address.
    shared: Mapping[str, Shared]
    #: For each row that is the sum of others, its first and last term.
    sums: Mapping[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]]
    #: Median number of licences; 0 if there is none.
    median: int
    #: Number of licences from which a row may be a sum or an outlier.
    striking: float

    def is_huge(self, units: int) -> bool:
        """Return whether a number is an outlier."""
        return units > HUGE_UNITS and 0 < self.median * HUGE_TIMES < units


#: No other rows to compare with.
ALONE = Together({}, {}, {}, 0, inf)


def nothing_between(rows: Iterable[Asked], context: Situation) -> Together | None:
    """Return the findings if they are the median alone, None if a full comparison is needed.

    Fast path for most files: each school once, with an address of its own, and no large number.
    """
    if context.purpose is Purpose.REMIT or context.volume not in OF_THE_ROW:
        return None
    counted = [request for request in rows if not (request.row.ignored or request.set_aside)]
    uais = [request.school.uai for request in counted if request.school.uai]
    emails = [request.row.email.lower() for request in counted if request.row.email]
    if len(set(uais)) < len(uais) or len(set(emails)) < len(emails):
        return None
    median, greatest = _median_and_max([request.row.units for request in counted])
    if median and greatest >= median * ABOVE_MEDIAN:
        return None
    return Together({}, {}, {}, median, _check_threshold(median))


def lines_of(rows: Iterable[Asked], context: Situation) -> list[Line]:
    """Return the rows as needed for cross-row checks."""
    if context.purpose is Purpose.REMIT or context.volume not in OF_THE_ROW:
        return [line_of(request, context) for request in rows]
    # Inlined `build_comparable_row`: a call per row is noticeable on 60,000 rows.
    return [
        Line(
            row.sheet, row.number, school.uai, row.email.lower(), row.units, row.units, row.cells.get("commune", ""),
            not (row.ignored or set_aside),
        )
        for row, school, set_aside, _, _, _ in rows
    ]  # fmt: skip


def line_of(request: Asked, context: Situation) -> Line:
    """Return a row as needed for cross-row checks."""
    row = request.row
    if context.purpose is Purpose.REMIT:
        units = None
        statement: object = (row.contact_name, row.email.lower(), row.phone, row.classes)
    else:
        wanted = units_of(request, context)
        statement = units = wanted if isinstance(wanted, int) else None
    return Line(
        row.sheet,
        row.number,
        request.school.uai,
        row.email.lower(),
        units,
        statement,
        row.cells.get(Meaning.COMMUNE, ""),
        not row.ignored and not request.set_aside,
    )


def gather(lines: Sequence[Line]) -> Together:
    """Return the findings for all rows of a file, in file order."""
    counted = [line for line in lines if line.counted]
    median, greatest = _median_and_max([line.units for line in counted])
    return Together(
        _same_school(counted),
        _shared(counted),
        _sums(lines, median * ABOVE_MEDIAN) if median and greatest >= median * ABOVE_MEDIAN else {},
        median,
        _check_threshold(median),
    )


def _median_and_max(units: Iterable[int | None]) -> tuple[int, int]:
    """Return the (lower) median and the maximum, ignoring zeros."""
    numbers = sorted(filter(None, units))
    return (numbers[(len(numbers) - 1) // 2], numbers[-1]) if numbers else (0, 0)


def _check_threshold(median: int) -> float:
    return min(median * ABOVE_MEDIAN, HUGE_UNITS) if median else inf


def _same_school(lines: Sequence[Line]) -> dict[str, Repeated]:
    named = [line.uai for line in lines if line.uai]
    if len(set(named)) == len(named):
        return {}
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.uai:
            found[line.uai].append(line)
    return {uai: Repeated(same, len({line.said for line in same}) == 1) for uai, same in found.items() if len(same) > 1}


def _shared(lines: Sequence[Line]) -> dict[str, Shared]:
    given = [line.email for line in lines if line.email and line.uai]
    if len(set(given)) == len(given):
        return {}
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.email and line.uai:
            found[line.email].append(line)
    counted = {
        email: Shared(same, Counter(line.uai for line in same)) for email, same in found.items() if len(same) > 1
    }
    return {email: shared for email, shared in counted.items() if len(shared.schools) > 1}


def _sums(lines: Sequence[Line], floor: int) -> dict[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]]:
    """Return the rows of `floor` licences or more that are the sum of the rows above them.

    Candidates: rows since the last break (a total, a note, another sum), of the same commune, or of the whole sheet.
    """
    found: dict[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]] = {}
    terms: list[Line] = []
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


def _sum_start(units: int, terms: Sequence[Line], running: Sequence[int], starts: Iterable[int]) -> int | None:
    """Return the index of the first term of the sum, None if the number is no sum that stands out."""
    for start in starts:
        if running[-1] - running[start] == units and len(terms) - start >= TERMS:
            greatest = max(term.units or 0 for term in terms[start:])
            if units > ABOVE_TERMS * greatest:
                return start
    return None
