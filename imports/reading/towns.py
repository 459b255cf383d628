"""The commune of a whole sheet, which its name or a line above its titles says. Pure."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from imports.meanings import Meaning
from imports.reading import cells
from imports.reading.contents import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imports.reading.body import Body
    from imports.reading.layout import Place

#: Lines above the titles that are looked at.
REACH = 10
_TOWN = re.compile(
    r"\s*(?:ville|commune|mairie)\s+(?:de\s+la\s+|de\s+l['’]|de\s+|du\s+|des\s+|d['’])?([^–:,;(|]+?)\s*(?:[–:,;(|].*|\s-\s.*)?",
    re.IGNORECASE,
)

#: « 2-Alès », « Nîmes (12) ».
_NUMBERED = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def give_towns(
    places: Sequence[Place], mappings: Sequence[Mapping[Meaning, int]], bodies: Sequence[Body], communes: frozenset[str]
) -> int:
    """Write the commune of its sheet into each row that says none; return into how many rows.

    Only where no column says where the schools are. The name of one sheet alone may mean many things: names are
    believed where most of several sheets are named for a commune.
    """
    named = [place_of(place.sheet.name, communes) for place in places]
    believed = len(places) > 1 and sum(map(bool, named)) * 2 > len(places)
    count = 0
    for place, columns, body, name in zip(places, mappings, bodies, named, strict=True):
        if Meaning.COMMUNE in columns or Meaning.POSTAL_CODE in columns:
            continue
        town = _announced(place, communes) or (_NUMBERED.sub("", place.sheet.name) if believed and name else "")
        for row in body.rows if town else ():
            if not row.ignored and "commune" not in row.cells:
                row.cells["commune"] = town
                count += 1
    return count


def remark(count: int) -> str:
    """Say in French what was given to how many rows."""
    lines = "une ligne" if count == 1 else f"{count} lignes"
    return f"La commune, d'après le nom de la feuille ou son titre, a été reportée sur {lines}."


def _announced(place: Place, communes: frozenset[str]) -> str:
    """Return the commune that a line above the titles says, « Ville de Nîmes – licences 2026 »; "" where none does."""
    above = (place.header_row or 1) - 1
    for row in islice(place.sheet.rows(), max(0, above - REACH), above):
        for text in (cells.text_of(cell) for cell in row if isinstance(cell, str) and cell):
            said = _TOWN.fullmatch(text)
            if said is not None and place_of(said[1], communes):
                return said[1]
    return ""
