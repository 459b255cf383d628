"""The grid of the accessibility declaration: the RGAA's criteria as we checked them, and their rate."""

from __future__ import annotations

import datetime
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

GRID_FILE = Path(__file__).with_name("accessibility_grid.toml")
COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE = "conforme", "non conforme", "non applicable"
#: Themes of the RGAA 4.1, in its order.
THEMES = (
    "Images", "Cadres", "Couleurs", "Multimédia", "Tableaux", "Liens", "Scripts", "Éléments obligatoires",
    "Structuration de l’information", "Présentation de l’information", "Formulaires", "Navigation", "Consultation",
)  # fmt: skip


@dataclass(frozen=True)
class CheckedCriterion:
    """A criterion of the RGAA, its state, how it was checked, and what was found."""

    number: str
    text: str
    state: str
    method: str
    note: str


@dataclass(frozen=True)
class CheckedTheme:
    """The criteria of a theme."""

    number: int
    title: str
    criteria: tuple[CheckedCriterion, ...]


@dataclass(frozen=True)
class AccessibilityGrid:
    """All criteria, and the day on which they were checked."""

    checked_on: datetime.date
    criteria: tuple[CheckedCriterion, ...]

    def count(self, state: str) -> int:
        """Return how many criteria are in a state."""
        return sum(criterion.state == state for criterion in self.criteria)

    @property
    def rate(self) -> int:
        """Return the percentage of compliant criteria among those that apply, rounded down."""
        compliant = self.count(COMPLIANT)
        return 100 * compliant // (compliant + self.count(NON_COMPLIANT))

    @property
    def failures(self) -> list[CheckedCriterion]:
        """Return the criteria that are not met."""
        return [criterion for criterion in self.criteria if criterion.state == NON_COMPLIANT]

    @property
    def themes(self) -> list[CheckedTheme]:
        """Return the criteria by theme."""
        return [
            CheckedTheme(number, title, tuple(one for one in self.criteria if one.number.startswith(f"{number}.")))
            for number, title in enumerate(THEMES, start=1)
        ]


@functools.cache
def read_grid() -> AccessibilityGrid:
    """Return the grid."""
    content = tomllib.loads(GRID_FILE.read_text(encoding="utf-8"))
    criteria = tuple(CheckedCriterion(**criterion) for criterion in content["criterion"])
    return AccessibilityGrid(content["checked_on"], criteria)
