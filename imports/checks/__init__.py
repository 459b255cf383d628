"""Validate each row against its school's current data. Pure: nothing is queried.

An allocation import states the total each school must have from the pool: the same file again changes nothing, a higher
number allocates the difference, a lower one is a conflict that a member must resolve. A portfolio import states the
data of each school; an empty cell changes nothing.
"""

from imports.checks.context import CheckContext, PortfolioFacts, SchoolFacts
from imports.checks.cross_row_checks import build_comparable_row, compare_rows
from imports.checks.row_checks import check_row, check_rows
from imports.checks.row_types import CheckRequest, ComparableRow, CrossRowFindings, RowOutcome

__all__ = [
    "CheckContext",
    "CheckRequest",
    "ComparableRow",
    "CrossRowFindings",
    "PortfolioFacts",
    "RowOutcome",
    "SchoolFacts",
    "build_comparable_row",
    "check_row",
    "check_rows",
    "compare_rows",
]
