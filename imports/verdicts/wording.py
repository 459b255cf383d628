"""How the sentences name rows, schools and shares."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from imports.meanings import Meaning
from web import typography

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: How many rows a sentence names before it only counts the others.
NAMED = 5


def place(where: tuple[int, int], seen_from: int, sheets: Sequence[str]) -> str:
    """Return « ligne 5 », or « ligne 5 de la feuille « Alès » » where that is another sheet than `seen_from`."""
    sheet, number = where
    told = f"ligne{typography.NO_BREAK_SPACE}{number}"
    return told if sheet == seen_from or sheet >= len(sheets) else f"{told} de la feuille « {sheets[sheet]} »"


def places(where: Iterable[tuple[int, int]], count: int, seen_from: int, sheets: Sequence[str]) -> str:
    """Return « ligne 5, ligne 7 et 12 autres » for so many places, of which the first are asked for only."""
    told = [place(one, seen_from, sheets) for one in islice(where, NAMED)]
    left = count - len(told)
    if left > 0:
        told.append(f"{typography.number(left)}{typography.NO_BREAK_SPACE}autre{'s' if left > 1 else ''}")
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} et {told[-1]}"


def named(cells: Mapping[str, str]) -> str:
    """Return the school as the row names it, « « Jean Macé » à Nîmes »; "" where the row does not."""
    name = cells.get(Meaning.NAME, "") or cells.get(Meaning.ADDRESS, "")
    where = cells.get(Meaning.COMMUNE, "") or cells.get(Meaning.POSTAL_CODE, "")
    kind = cells.get(Meaning.KIND, "")
    told = f"« {name[:120]} »" if name else f"« {kind[:60]} »" if kind else ""
    if not where:
        return told
    return f"{told} à {where[:80]}" if told else f"une école à {where[:80]}"


def share(value: float) -> str:
    """Return 0.974 as « 97 % »: rounded down, so that only certainty is called 100 %."""
    return f"{int(value * 100)}{typography.NO_BREAK_SPACE}%"
