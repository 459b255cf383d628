"""Match rows of a list to schools of the directory: by UAI, by repaired UAI, by name and place.

Entry point: `recognise`. A match is returned only where it is almost certain: a wrong school is far worse than a row
that a user resolves by one click. Otherwise the result is a doubt code with proposals.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from django.db import models

#: Confidence from which a match is certain: of such rows at most 1 in 20,000 is given another's school. Below it the
#: school is proposed and never taken.
SURE: Final = 0.95

#: Characters read of each cell: three times the longest name of the directory.
MAX_TEXT_LENGTH = 200


class SchoolReference(NamedTuple):
    """The cells of a row that identify a school, unparsed."""

    #: The caller's identifier of the row.
    key: int
    uai: str = ""
    name: str = ""
    commune: str = ""
    postal_code: str = ""
    #: Code or name: « 30 », « 030 », « Gard ».
    departement: str = ""
    address: str = ""
    #: School type, from a separate column: « Maternelle », « EEPU », « Collège privé ».
    kind: str = ""

    def shortened(self) -> SchoolReference:
        """Return the reference with no text beyond `MAX_TEXT_LENGTH`."""
        key, *texts = self
        if max(map(len, texts)) <= MAX_TEXT_LENGTH:
            return self
        return SchoolReference(key, *(text[:MAX_TEXT_LENGTH] for text in texts))


class RecognitionMethod(models.TextChoices):
    """How a row was matched."""

    UAI = "uai", "par l'UAI"
    REPAIRED = "repaired", "par l'UAI réparé"
    NAME = "name", "par le nom et le lieu"


class Proposal(NamedTuple):
    """A candidate school for a row. `label`: « École Jean Jaurès – Nîmes »."""

    uai: str
    label: str
    #: From 0 to 1.
    score: float


class RecognitionResult(NamedTuple):
    """Result for a row: a school, or a doubt code with proposals.

    `uai` and `match_method` are empty without a match; `doubt_code` is then one of

    - `uai_missing`: neither UAI nor name;
    - `uai_invalid`: the UAI is invalid and cannot be repaired;
    - `multiple_uais`: several UAI in one cell;
    - `uncertain_repair`: the UAI can be repaired, but nothing confirms the repair;
    - `uai_of_another_school`: name or commune contradict the school of the UAI;
    - `unconfirmed_uai`: many rows of the list are `uai_of_another_school`, and nothing confirms this one;
    - `unknown_school`: the UAI is valid, but not in the directory;
    - `ambiguous_school`: several schools match the name about equally;
    - `no_match`: no school matches the name.
    """

    uai: str
    match_method: RecognitionMethod | None
    #: From `SURE` to 1; 0 without a match.
    confidence: float
    #: At most three, best first.
    proposals: tuple[Proposal, ...]
    doubt_code: str


class SearchScope(NamedTuple):
    """Search area for rows with a name but no place: these schools, or, if empty, these départements.

    Départements by directory code: `030`, `02A`, `974`.
    """

    uais: frozenset[str]
    departements: frozenset[str]
    #: Whether maternelles are proposed to rows that do not say « maternelle ».
    offers_nurseries: bool = True
