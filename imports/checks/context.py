"""What rows are checked against, and a row before and after it is checked."""

import datetime
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from collectivities.operations.portfolio import SchoolContact
from imports.checks.school_resolution import ResolvedSchool
from imports.enums import Purpose, Verdict, Volume
from imports.parsing.rows import ParsedRow
from imports.problems import Problem
from licensing.pools.queries import PoolHolding
from schools.recognition import Proposal

#: An outlier exceeds the median by this factor, and the number of classes of any school.
OUTLIER_FACTOR = 20
OUTLIER_MIN_UNITS = 60
#: Characters kept of the reason why a row is ignored.
MAX_REASON_LENGTH = 100


class CheckRequest(NamedTuple):
    """A row to check, with its school and the decisions of the member."""

    row: ParsedRow
    school: ResolvedSchool
    set_aside: bool = False
    #: Set aside until the directory knows the school.
    awaited: bool = False
    conflict_resolution: str = ""
    #: Whether the member typed a number for this row, which overrides the one for all.
    own_units: bool = False


class RowOutcome(NamedTuple):
    """Outcome of checking a row."""

    request: CheckRequest
    label: str
    recipient: str
    units: int | None
    units_before: int
    #: Current portfolio entry, for portfolio imports.
    before: dict[str, Any] | None
    verdict: Verdict
    problems: list[Problem]
    ticked: bool

    @property
    def codes(self) -> list[str]:
        """Return the codes to filter by: only the first for an ignored row."""
        codes = [problem.code for problem in self.problems]
        return codes[:1] if self.verdict == "ignored" else codes

    @property
    def edits(self) -> dict[str, str]:
        """Return the edits of a new row: none."""
        return {}

    @property
    def altered(self) -> bool:
        """Return whether a new row differs from the file that it corrects: not known yet."""
        return False

    @property
    def problems_as_json(self) -> list[dict[str, Any]]:
        """Return the problems as they are stored."""
        return [problem.as_json() for problem in self.problems]

    @property
    def notes_as_json(self) -> list[dict[str, Any]]:
        """Return the notes of the row's file as they are stored."""
        return [note.as_json() for note in self.request.row.notes]

    @property
    def ignored_reason(self) -> str:
        """Return the reason why the parser ignored the row, as it is stored."""
        return self.request.row.ignored[:MAX_REASON_LENGTH]


class RowTerm(NamedTuple):
    """What a row adds to the others of its school, where they add up; None where its number cannot be read."""

    units: int | None
    #: Whether a member typed this number: in the first row of the school, it stands for all of them.
    typed: bool
    #: Whether the file sets the row aside: it adds nothing beside one that counts.
    declined: bool
    respondents: Sequence[str]


class ComparableRow(NamedTuple):
    """A row as needed for cross-row checks. `counted`: neither ignored nor set aside."""

    sheet: int
    number: int
    uai: str
    email: str
    units: int | None
    #: Everything the row states about its school; rows with equal statements do not contradict each other.
    statement: object
    commune: str
    counted: bool
    #: None where the row contradicts another number for its school.
    term: RowTerm | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Sheet and number of the row."""
        return (self.sheet, self.number)


class AddedRows(NamedTuple):
    """Rows of one school that add up: the one that has the number of all, and what each of them adds, by place."""

    first: ComparableRow
    terms: Mapping[tuple[int, int], int]

    @property
    def added(self) -> int:
        """What the other rows add to the first."""
        return sum(units for place, units in self.terms.items() if place != self.first.place)

    @property
    def units(self) -> int:
        """Licences of the school."""
        typed = self.first.term is not None and self.first.term.typed
        return (self.first.units or 0) + (0 if typed else self.added)


class RepeatedSchool(NamedTuple):
    """The rows of one school, in order, whether their statements agree, and how they add up; None where they do not."""

    lines: Sequence[ComparableRow]
    agree: bool
    sum: AddedRows | None = None


class SharedEmail(NamedTuple):
    """The rows of one address, in order, with the number of rows of each school."""

    lines: Sequence[ComparableRow]
    schools: Mapping[str, int]


class CrossRowFindings(NamedTuple):
    """Findings of the cross-row checks. Places are (sheet, number)."""

    #: Schools with several rows, by UAI.
    same_school: Mapping[str, RepeatedSchool]
    #: Addresses of several schools, by lower-case address.
    shared: Mapping[str, SharedEmail]
    #: For each row that is the sum of others, its first and last term.
    sums: Mapping[tuple[int, int], tuple[tuple[int, int], tuple[int, int]]]
    #: Median number of licences; 0 if there is none.
    median: int
    #: Number of licences from which a row may be a sum or an outlier.
    check_threshold: float

    def is_outlier(self, units: int) -> bool:
        """Return whether a number is an outlier."""
        return units > OUTLIER_MIN_UNITS and 0 < self.median * OUTLIER_FACTOR < units


#: No other rows to compare with.
NO_FINDINGS = CrossRowFindings({}, {}, {}, 0, inf)


class SchoolFacts(NamedTuple):
    """Current data of a school."""

    #: For example « École Jean Jaurès – Nîmes ».
    label: str
    closed: bool
    #: Whether it has classes from CP to CM2.
    elementary: bool
    mailbox: str
    #: None if the school is not in the portfolio.
    portfolio: SchoolContact | None
    #: Licences held from the pool, and when the key was redeemed.
    held: int
    redeemed_at: datetime.datetime | None
    #: Licences held from other pools of the same product and school year.
    elsewhere: tuple[PoolHolding, ...] = ()


class CheckContext(NamedTuple):
    """Everything that rows are checked against."""

    purpose: Purpose
    schools: Mapping[str, SchoolFacts]
    #: With an empty portfolio, no school counts as outside it.
    has_portfolio: bool
    #: Whether the pool's product serves classes from CP to CM2.
    for_elementary: bool
    #: Where the number of licences comes from; `units_for_all` is set when it is ALL.
    volume: Volume | None
    units_for_all: int | None
    #: Open successors of closed schools, by UAI.
    successors: Mapping[str, Proposal] = {}
    #: Names of the workbook's sheets, to refer to rows of other sheets.
    sheets: Sequence[str] = ()
    #: Where the numbers are added to the licences held: the day on which an import of the same titles added a number to
    #: a school, by UAI and number. None where they are what the school must have.
    additions: Mapping[tuple[str, int], datetime.date] | None = None
    #: Whether the member answered that the rows of one school add up, or are counted.
    adds_up: bool = False
