"""What the rows of one file say together: a school twice, an address of many schools, a number that is a sum.

The first reading gathers this from the rows it judges, a correction from what is stored of the others.
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

#: A sum has so many terms at least: of two rows, one may well be the double of the other.
TERMS = 3
#: A sum stands out: more than so many times the greatest of its terms, and so many times the file's middle number.
ABOVE_TERMS = 2
ABOVE_MEDIAN = 3
#: An outlier is more than so many times the number in the middle of the file, and more classes than any school has.
HUGE_TIMES = 20
HUGE_UNITS = 60


class Line(NamedTuple):
    """What of a row matters to the others. `counted`: neither passed over nor put aside."""

    sheet: int
    number: int
    uai: str
    email: str
    units: int | None
    #: All that the row states of its school: two rows that state the same do not contradict each other.
    said: object
    commune: str
    counted: bool

    @property
    def place(self) -> tuple[int, int]:
        """Return where it stands: sheet and number."""
        return (self.sheet, self.number)


class Repeated(NamedTuple):
    """The rows of one school, in their order, and whether all state the same."""

    lines: Sequence[Line]
    agree: bool


class Shared(NamedTuple):
    """The rows of one address, in their order, and how many each of its schools has."""

    lines: Sequence[Line]
    schools: Mapping[str, int]


class Together(NamedTuple):
    """What the rows of a file say together. Places are (sheet, number)."""

    #: By UAI, the schools that have several rows.
    same_school: Mapping[str, Repeated]
    #: By address, in lower case, those that several schools have.
    shared: Mapping[str, Shared]
    #: For each row whose number is the sum of others, the first and the last of these.
    sums: Mapping[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]]
    #: The number in the middle of the file; 0 where there is none.
    median: int
    #: From this number on, it may be a sum or too many.
    striking: float

    def is_huge(self, units: int) -> bool:
        """Tell whether a number is far beyond the others."""
        return units > HUGE_UNITS and 0 < self.median * HUGE_TIMES < units


#: A row by itself.
ALONE = Together({}, {}, {}, 0, inf)


def nothing_between(rows: Iterable[Asked], situation: Situation) -> Together | None:
    """Return what the rows of a list say together where that is nothing but their middle number; else None.

    So it is with most lists: each school once, with an address of its own, and no number that strikes.
    """
    if situation.purpose is Purpose.REMIT or situation.volume not in OF_THE_ROW:
        return None
    counted = [asked for asked in rows if not (asked.row.ignored or asked.set_aside)]
    uais = [asked.school.uai for asked in counted if asked.school.uai]
    emails = [asked.row.email.lower() for asked in counted if asked.row.email]
    if len(set(uais)) < len(uais) or len(set(emails)) < len(emails):
        return None
    median, greatest = _middle([asked.row.units for asked in counted])
    if median and greatest >= median * ABOVE_MEDIAN:
        return None
    return Together({}, {}, {}, median, _striking(median))


def lines_of(rows: Iterable[Asked], situation: Situation) -> list[Line]:
    """Return what of each row matters to the others."""
    if situation.purpose is Purpose.REMIT or situation.volume not in OF_THE_ROW:
        return [line_of(asked, situation) for asked in rows]
    # The same, written out: sixty thousand times, a call counts.
    return [
        Line(
            row.sheet, row.number, school.uai, row.email.lower(), row.units, row.units, row.cells.get("commune", ""),
            not (row.ignored or set_aside),
        )
        for row, school, set_aside, _, _, _ in rows
    ]  # fmt: skip


def line_of(asked: Asked, situation: Situation) -> Line:
    """Return what of a row matters to the others."""
    row = asked.row
    if situation.purpose is Purpose.REMIT:
        units = None
        said: object = (row.contact_name, row.email.lower(), row.phone, row.classes)
    else:
        wanted = units_of(asked, situation)
        said = units = wanted if isinstance(wanted, int) else None
    return Line(
        row.sheet,
        row.number,
        asked.school.uai,
        row.email.lower(),
        units,
        said,
        row.cells.get(Meaning.COMMUNE, ""),
        not row.ignored and not asked.set_aside,
    )


def gather(lines: Sequence[Line]) -> Together:
    """Return what these rows, all of a file and in its order, say together."""
    counted = [line for line in lines if line.counted]
    median, greatest = _middle([line.units for line in counted])
    return Together(
        _same_school(counted),
        _shared(counted),
        _sums(lines, median * ABOVE_MEDIAN) if median and greatest >= median * ABOVE_MEDIAN else {},
        median,
        _striking(median),
    )


def _middle(units: Iterable[int | None]) -> tuple[int, int]:
    """Return the number in the middle, and the greatest."""
    numbers = sorted(filter(None, units))
    return (numbers[(len(numbers) - 1) // 2], numbers[-1]) if numbers else (0, 0)


def _striking(median: int) -> float:
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
    """Return the rows of `floor` licences or more that are the sum of those above them.

    Above them: since the last break (a total, a note, another sum), in the same commune, or in the whole sheet.
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
        start = _summed(units, terms, running, (since_commune, since_break, since_sheet)) if units >= floor else None
        if start is None:
            terms.append(line)
            running.append(running[-1] + units)
        else:
            found[line.place] = (terms[start].place, terms[-1].place)
            since_break = since_commune = len(terms)
    return found


def _summed(units: int, terms: Sequence[Line], running: Sequence[int], starts: Iterable[int]) -> int | None:
    """Return from which term on the terms come to this number, None where it is no sum that stands out."""
    for start in starts:
        if running[-1] - running[start] == units and len(terms) - start >= TERMS:
            greatest = max(term.units or 0 for term in terms[start:])
            if units > ABOVE_TERMS * greatest:
                return start
    return None
