"""A row before and after it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from imports.enums import Verdict
    from imports.problems import Problem
    from imports.reading.rows import CheckedRow
    from imports.resolving import Resolved


class Asked(NamedTuple):
    """A row with its school, and what the member decided about it."""

    row: CheckedRow
    school: Resolved
    set_aside: bool = False
    #: Kept until the directory knows the school.
    awaited: bool = False
    settlement: str = ""
    #: Whether the member typed a number for this row, which then stands before the one for all.
    own_units: bool = False


class JudgedRow(NamedTuple):
    """A row with its verdict."""

    asked: Asked
    label: str
    recipient: str
    units: int | None
    units_before: int
    #: What the remit said, for the purpose « périmètre ».
    before: dict[str, Any] | None
    verdict: Verdict
    problems: list[Problem]
    ticked: bool

    @property
    def codes(self) -> list[str]:
        """Return what the row is found by in lists: of one that is passed over, that alone."""
        codes = [problem.code for problem in self.problems]
        return codes[:1] if self.verdict == "ignored" else codes
