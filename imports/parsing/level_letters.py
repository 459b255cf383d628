"""Levels of schools written as one letter, M and E, in a column of their own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imports.meanings import Meaning
from imports.parsing.rows import ParsedRow

_LEVELS = {"M": "maternelle", "E": "élémentaire", "P": "primaire"}
#: M alone may be « Monsieur ».
_REQUIRED = frozenset("ME")


def are_level_letters(texts: Iterable[str]) -> bool:
    """Whether texts are the letters of levels, and nursery and elementary schools among them."""
    return _REQUIRED <= {text.upper() for text in texts} <= _LEVELS.keys()


def expand_level_letters(rows: Sequence[ParsedRow]) -> None:
    """Write the levels of a sheet in full, where its column of kinds holds letters."""
    shown = [row.cells for row in rows if not row.ignored and Meaning.KIND.value in row.cells]
    if are_level_letters({cells["kind"] for cells in shown}):
        for cells in shown:
            cells["kind"] = _LEVELS[cells["kind"].upper()]
