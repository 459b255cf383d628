"""The commune of a sheet, taken from its name or a row above its header. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from imports.meanings import Meaning
from imports.parsing import cells
from imports.parsing.cell_classification import match_commune
from imports.parsing.sheet_selection import DetectedSheet
from imports.parsing.stacked_tables import ReadTable

#: Rows searched above the header.
MAX_ROWS_ABOVE = 10
_ANNOUNCED_COMMUNE = re.compile(
    r"\s*(?:ville|commune|mairie)\s+(?:de\s+la\s+|de\s+l['’]|de\s+|du\s+|des\s+|d['’])?([^–:,;(|]+?)\s*(?:[–:,;(|].*|\s-\s.*)?",
    re.IGNORECASE,
)

#: « 2-Alès », « Nîmes (12) ».
_NUMBERING = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def fill_communes(tables: Sequence[ReadTable], communes: frozenset[str]) -> int:
    """Fill in the commune of the sheet in rows without one; return in how many.

    Only for tables without a column for commune or postal code. Sheet names are used only where most of several sheets
    are named after a commune.
    """
    names = {table.detected.index: table.detected.sheet.name for table in tables}
    name_communes = {index: match_commune(name, communes) for index, name in names.items()}
    trusts_names = len(names) > 1 and sum(map(bool, name_communes.values())) * 2 > len(names)
    count = 0
    for table in tables:
        detected, columns, body = table.detected, table.columns, table.body
        name = name_communes[detected.index]
        if Meaning.COMMUNE in columns or Meaning.POSTAL_CODE in columns:
            continue
        commune = _find_announced_commune(detected, communes) or (
            _NUMBERING.sub("", detected.sheet.name) if trusts_names and name else ""
        )
        for row in body.rows if commune else ():
            if not row.ignored and "commune" not in row.cells:
                row.cells["commune"] = commune
                count += 1
    return count


def describe_filled(count: int) -> str:
    """Return the French sentence about communes that were filled in."""
    lines = "une ligne" if count == 1 else f"{count} lignes"
    return f"La commune, d'après le nom de la feuille ou son titre, a été reportée sur {lines}."


def _find_announced_commune(detected: DetectedSheet, communes: frozenset[str]) -> str:
    """Return the commune in a row above the header, « Ville de Nîmes – licences 2026 »; "" where there is none."""
    above = (detected.header_row or 1) - 1
    for row in islice(detected.sheet.rows(), max(0, above - MAX_ROWS_ABOVE), above):
        for text in (cells.cell_to_text(cell) for cell in row if isinstance(cell, str) and cell):
            match = _ANNOUNCED_COMMUNE.fullmatch(text)
            if match is not None and match_commune(match[1], communes):
                return match[1]
    return ""
