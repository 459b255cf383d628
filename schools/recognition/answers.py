"""What is asked of the recognition, and what it answers."""

from __future__ import annotations

from typing import NamedTuple

from django.db import models


class Named(NamedTuple):
    """How one row of a list names a school; texts as they stand in the cells."""

    #: The caller's own number for the row.
    key: int
    uai: str = ""
    name: str = ""
    commune: str = ""
    postal_code: str = ""
    #: Its code or its name: « 30 », « 030 », « Gard ».
    departement: str = ""
    address: str = ""
    #: A column of its own for the type: « Maternelle », « EEPU », « Collège privé ».
    kind: str = ""


class How(models.TextChoices):
    """How a row was recognised."""

    UAI = "uai", "par l'UAI"
    REPAIRED = "repaired", "par l'UAI réparé"
    NAME = "name", "par le nom et le lieu"


class Proposal(NamedTuple):
    """A school that a row may mean. `label` as people know it: « École Jean Jaurès – Nîmes »."""

    uai: str
    label: str
    #: From 0 to 1.
    score: float


class Recognised(NamedTuple):
    """What became of a row: a school, or a doubt and the likeliest schools.

    `uai` and `how` are empty where nothing is certain; `doubt` is then one of

    - `uai_missing`: neither a UAI nor a name to go by;
    - `uai_invalid`: the UAI is none, and leads to no school;
    - `uai_twice`: two of them in one cell;
    - `repair_unsure`: the UAI can be repaired, but nothing proves that this is what was meant;
    - `other_school`: the UAI is a school's, and the name or the commune says another;
    - `not_confirmed`: many rows of the list are `other_school`, and nothing confirms this one;
    - `unknown_school`: the UAI is right, and not in the directory;
    - `several_schools`: the name fits several too nearly;
    - `no_match`: the name fits none.
    """

    uai: str
    how: How | None
    #: From 0 to 1; 0 where there is no school.
    confidence: float
    #: At most three, the likeliest first.
    proposals: tuple[Proposal, ...]
    doubt: str


class Scope(NamedTuple):
    """Where a row with a name and no place is searched: these schools, or, where there are none, these départements.

    Départements by their codes as the directory writes them: `030`, `02A`, `974`.
    """

    uais: frozenset[str]
    departements: frozenset[str]
