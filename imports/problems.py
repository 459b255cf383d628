"""Problems of cells and rows, and what a file says about a row beyond its cells."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """A problem. `column`: meaning of its column (« uai », « units »…), or "" for the whole row."""

    column: str
    code: str
    message: str
    #: Whether the row cannot be applied as it is; else it is a warning.
    blocking: bool = True
    #: Licences that other rows of the school add to this one; None where none do.
    added: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object stored with the row."""
        found = self._asdict()
        if self.added is None:
            del found["added"]
        return found


def warning(column: str, code: str, message: str) -> Problem:
    """Return a problem with which the row can be applied as it is."""
    return Problem(column, code, message, blocking=False)


#: Codes of notes that say why a row is left out although it names a school. Once it is restored they say nothing.
COUNTED_WITH_ANOTHER, NUMBER_GIVEN_ELSEWHERE = "counted_with_another", "number_given_elsewhere"
ANOTHER_ROW_COUNTS, TABLE_NOT_CHOSEN = "another_row_counts", "table_not_chosen"
LEFT_OUT_CODES = frozenset({COUNTED_WITH_ANOTHER, NUMBER_GIVEN_ELSEWHERE, ANOTHER_ROW_COUNTS, TABLE_NOT_CHOSEN})
#: Code of the note by which a member adds the rows of one school up. Its message is the UAI: for another, it says
#: nothing.
ADDED_UP = "added_up"
#: Code of what is told of a number that several rows give.
ROWS_COMBINED = "rows_combined"
#: Notes that are no problems of a row that counts.
UNTOLD_CODES = LEFT_OUT_CODES | {ADDED_UP}


class RowNote(NamedTuple):
    """What the file says about a row beyond its cells: by its formatting, or in other rows. It outlives edits.

    `column`: « units » where the number of licences is `units` (None: to be given by a member), whatever the cell
    says; "" for the whole row.
    """

    column: str
    code: str
    message: str
    blocking: bool = False
    units: int | None = None
    #: Who gave these answers to a form, by digest: a person counts once for a school. Empty where it is not known.
    respondents: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object stored with the row."""
        return self._asdict()

    @property
    def problem(self) -> Problem:
        """The note as it is told to the member."""
        return Problem(self.column, self.code, self.message, self.blocking)
