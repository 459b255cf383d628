"""Meanings of columns, which of them a member may edit, and problems of their cells.

`imports.parsing.title_patterns` holds the titles by which columns are recognised.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from imports.enums import Purpose
from schools.folding import fold


class Meaning(StrEnum):
    """Meaning of a column."""

    UAI = "uai"
    EMAIL = "email"
    UNITS = "units"
    CLASSES = "classes"
    #: The following help to match the school, and to detect a UAI of another school.
    NAME = "name"
    COMMUNE = "commune"
    POSTAL_CODE = "postal_code"
    DEPARTEMENT = "departement"
    ADDRESS = "address"
    KIND = "kind"
    #: The following are stored in the portfolio.
    CONTACT_NAME = "contact_name"
    PHONE = "phone"
    #: The school chosen in the column added to an annotated workbook.
    CHOICE = "choice"


#: Hidden sheet of generated workbooks that holds the choice lists: never parsed as data.
LISTS_SHEET = "Pep_listes"

#: Titles of the columns added to an annotated workbook: problems, proposed schools, chosen school. Only the last is
#: parsed.
ADDED_TITLES = ("Ce qui ne va pas", "Propositions", "Votre choix (UAI)")
#: Fills of its cells: light red for errors and conflicts, light amber for warnings, light green for what was decided on
#: the page. In no standard palette, so that they can be recognised; the original fill is kept in the background colour,
#: which a solid fill does not use.
MARK_COLOURS = SEVERE_COLOUR, WARNING_COLOUR, DECIDED_COLOUR = "FFFFC9C4", "FFFFE7A3", "FFD3EBC9"

LABELS = {
    Meaning.UAI: "UAI de l'école",
    Meaning.EMAIL: "Adresse e-mail",
    Meaning.UNITS: "Nombre de licences",
    Meaning.CLASSES: "Nombre de classes",
    Meaning.NAME: "Nom de l'école",
    Meaning.COMMUNE: "Commune",
    Meaning.POSTAL_CODE: "Code postal",
    Meaning.DEPARTEMENT: "Département",
    Meaning.ADDRESS: "Adresse de l'école",
    Meaning.KIND: "Type d'établissement",
    Meaning.CONTACT_NAME: "Nom du contact",
    Meaning.PHONE: "Téléphone",
    Meaning.CHOICE: "Votre choix (UAI)",
}

#: Editable columns, on the pages and in the API. On the pages the school can also be picked from search results.
EDITABLE_COLUMNS = {
    Purpose.ALLOCATION: (Meaning.UAI, Meaning.UNITS, Meaning.EMAIL),
    Purpose.PORTFOLIO: (Meaning.UAI, Meaning.CLASSES, Meaning.CONTACT_NAME, Meaning.EMAIL, Meaning.PHONE),
}
#: Maximum length of the text of an edit.
MAX_EDIT_LENGTH = 300

_ADDED = frozenset(map(fold, ADDED_TITLES))


def is_added_title(title: str) -> bool:
    """Return whether a column is one of those added to an annotated workbook."""
    return fold(title) in _ADDED


class Problem(NamedTuple):
    """A problem. `column`: meaning of its column (« uai », « units »…), or "" for the whole row."""

    column: str
    code: str
    message: str
    #: Whether the row cannot be applied as it is; else it is a warning.
    blocking: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object stored with the row."""
        return self._asdict()


#: Codes of notes that say why a row is left out although it names a school. Once it is restored they say nothing.
COUNTED_WITH_ANOTHER, NUMBER_GIVEN_ELSEWHERE = "counted_with_another", "number_given_elsewhere"
ANOTHER_ROW_COUNTS, TABLE_NOT_CHOSEN = "another_row_counts", "table_not_chosen"
LEFT_OUT_CODES = frozenset({COUNTED_WITH_ANOTHER, NUMBER_GIVEN_ELSEWHERE, ANOTHER_ROW_COUNTS, TABLE_NOT_CHOSEN})


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

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object stored with the row."""
        return self._asdict()

    @property
    def problem(self) -> Problem:
        """The note as it is told to the member."""
        return Problem(self.column, self.code, self.message, self.blocking)
