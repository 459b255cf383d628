"""A row before and after it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from imports.checks.school_resolution import ResolvedSchool
    from imports.enums import Verdict
    from imports.parsing.rows import ParsedRow
    from imports.problems import Problem


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
