"""What is true of a damaged file: where its table is, what its columns mean, which school each row means."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Expected(StrEnum):
    """What a row carries, and so what may be asked of who reads it."""

    #: A valid UAI of the directory, or one that can be repaired in one way only.
    CODED = "coded"
    #: No UAI; a name and a commune, or a postal code, that only one school of the directory has.
    NAMED = "named"
    #: A name alone, which only one school of the remit has.
    ALONE = "alone"
    #: Nothing can be asked: not found is right, the school that was meant is right, another one is wrong.
    OPEN = "open"
    #: What says two different schools, or none of the directory: resolved by itself, it is wrong whatever the school.
    NEVER = "never"
    #: A total, a note, a title: no school at all.
    IGNORED = "ignored"


class Row(NamedTuple):
    """The truth of one row. `quantity`: None where the cell holds no number that can be read."""

    expected: Expected
    uai: str = ""
    quantity: int | None = None


class Purpose(StrEnum):
    PERIMETRE = "perimetre"
    ATTRIBUTION = "attribution"


@dataclass(frozen=True)
class DamagedFile:
    """A file as people send it, how it is handed in, and what should be found in it."""

    name: str
    filename: str
    content: bytes
    #: By the sheet's name ("" in a text file) and the row's number there, from 1. Rows not said are blank.
    rows: dict[tuple[str, int], Row]
    #: The title of each meaning's column; of a title in two lines, « one|other »: either says it, or both.
    columns: dict[str, str]
    #: The rows of titles that are right, from 1; None: no titles.
    header_rows: tuple[int | None, ...]
    #: The sheets that hold the table.
    sheets: tuple[str, ...] = ("",)
    purpose: Purpose = Purpose.ATTRIBUTION
    #: One number for all, where no column says how many.
    quantity_for_all: int | None = None
    #: The title of the column of quantities, where a person must say it.
    quantity_column: str | None = None
    #: The schools that the collectivity answers for; none: it has not said.
    remit: frozenset[str] = field(default_factory=frozenset)

    @property
    def has_quantities(self) -> bool:
        """Whether a column of the file says how many."""
        return self.quantity_for_all is None and "quantity" in self.columns
