"""The expected result of a damaged file: table, column meanings, and school of each row."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class ExpectedMatch(StrEnum):
    """What a row contains, and so what is expected of its import."""

    #: A valid UAI of the directory, or one that can be repaired in one way only.
    CODED = "coded"
    #: No UAI; a name and a commune, or a postal code, that only one school of the directory has.
    NAMED = "named"
    #: A name that only one school of the portfolio has.
    ALONE = "alone"
    #: Ambiguous: no match or the intended school is right, another school is wrong.
    OPEN = "open"
    #: Contradictory or unknown: any automatic match is wrong.
    NEVER = "never"
    #: A total, a note, a title: no school at all.
    IGNORED = "ignored"


class ExpectedRow(NamedTuple):
    """The expected result of one row. `quantity` is None where the cell holds no readable number."""

    expected: ExpectedMatch
    uai: str = ""
    quantity: int | None = None


class FilePurpose(StrEnum):
    PORTFOLIO = "portfolio"
    ALLOCATION = "allocation"


@dataclass(frozen=True)
class DamagedFile:
    """A file, the options of its import, and the expected result."""

    name: str
    filename: str
    content: bytes
    #: By sheet name ("" in a text file) and row number from 1. Missing rows are blank.
    rows: dict[tuple[str, int], ExpectedRow]
    #: The title of each column by meaning; « one|other » for a title in two lines: either part suffices.
    columns: dict[str, str]
    #: The rows of titles that are right, from 1; None: no titles.
    header_rows: tuple[int | None, ...]
    #: The sheets that hold the table.
    sheets: tuple[str, ...] = ("",)
    purpose: FilePurpose = FilePurpose.ALLOCATION
    #: One quantity for all rows, where no column has it.
    quantity_for_all: int | None = None
    #: The title of the quantity column, where a person must choose it.
    quantity_column: str | None = None
    #: The collectivity's portfolio; empty if it has none.
    portfolio: frozenset[str] = field(default_factory=frozenset)

    @property
    def has_quantities(self) -> bool:
        """Whether the file has a quantity column."""
        return self.quantity_for_all is None and "quantity" in self.columns
