"""Cells: the same software once a region, each with its own database; which of them a host or a key belongs to.

Configured by `CELLS`, empty where there is one. Pure but for `get_cells`. Why: docs/decisions/0176.
"""

from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings

from core.links import build_absolute_url

#: Digits that are read as letters.
_LOOK_ALIKES = str.maketrans("01", "OI")


class Cell(NamedTuple):
    """A cell: the domain of its portal, the two letters of its keys and invoices, and its name on screens."""

    mark: str
    domain: str
    name: str

    @property
    def url(self) -> str:
        """The URL of its portal, without a slash at the end."""
        return build_absolute_url(self.domain).rstrip("/")


@dataclass(frozen=True, slots=True)
class CellMap:
    """This cell, None where there is one alone, and the others."""

    here: Cell | None = None
    others: tuple[Cell, ...] = ()

    @property
    def mark(self) -> str:
        """The letters that begin the prefixes of this cell's keys and its invoice numbers; empty for one alone."""
        return self.here.mark if self.here is not None else ""

    def find_other_by_host(self, host: str) -> Cell | None:
        """Return the other cell whose portal or office a host is; None for this one's, and for a host of nobody."""
        name = host.lower().partition(":")[0].rstrip(".")
        return next((cell for cell in self.others if f".{name}".endswith(f".{cell.domain}")), None)

    def find_other_by_key_prefix(self, prefix: str) -> Cell | None:
        """Return the other cell whose keys begin so, as typed in capitals; None where it says nothing."""
        letters = prefix.translate(_LOOK_ALIKES)
        return next((cell for cell in self.others if letters.startswith(cell.mark)), None)


def get_cells() -> CellMap:
    """Return the configured cells."""
    cells: CellMap = settings.CELLS
    return cells
