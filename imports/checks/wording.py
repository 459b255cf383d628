"""French wording of rows, schools and percentages in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from core import formatting
from imports.meanings import Meaning
from schools.recognition.places import parse_place

#: Maximum number of rows listed in a sentence.
MAX_NAMED_ROWS = 5


def describe_place(location: tuple[int, int], current_sheet: int, sheets: Sequence[str]) -> str:
    """Return « ligne 5 », or « ligne 5 de la feuille « Alès » » if it is not on `current_sheet`."""
    sheet, number = location
    text = f"ligne{formatting.NO_BREAK_SPACE}{number}"
    return text if sheet == current_sheet or sheet >= len(sheets) else f"{text} de la feuille « {sheets[sheet]} »"


def describe_places(locations: Iterable[tuple[int, int]], count: int, current_sheet: int, sheets: Sequence[str]) -> str:
    """Return « ligne 5, ligne 7 et 12 autres » for `count` locations, of which only the first are listed."""
    text = [describe_place(one, current_sheet, sheets) for one in islice(locations, MAX_NAMED_ROWS)]
    left = count - len(text)
    if left > 0:
        text.append(f"{formatting.number(left)}{formatting.NO_BREAK_SPACE}autre{'s' if left > 1 else ''}")
    return text[0] if len(text) == 1 else f"{', '.join(text[:-1])} et {text[-1]}"


def describe_school(cells: Mapping[str, str]) -> str:
    """Return the school as named in the row, « « Jean Macé » à Nîmes »; "" if it is not named."""
    name = cells.get(Meaning.NAME, "") or cells.get(Meaning.ADDRESS, "")
    location = cells.get(Meaning.COMMUNE, "") or cells.get(Meaning.POSTAL_CODE, "")
    kind = cells.get(Meaning.KIND, "")
    text = f"« {name[:120]} »" if name else f"« {kind[:60]} »" if kind else ""
    if not location:
        return text
    return f"{text} à {location[:80]}" if text else f"une école à {location[:80]}"


def describe_departement(cells: Mapping[str, str]) -> str:
    """Return the département that the row names or its postal code implies: « 30 », « 2A », « 974 »; "" if none."""
    place = parse_place("", cells.get(Meaning.POSTAL_CODE, ""), cells.get(Meaning.DEPARTEMENT, ""))
    return place.departement.lstrip("0")


def format_percent(value: float) -> str:
    """Return 0.974 as « 97 % », rounded down so that only 1.0 gives 100 %."""
    return f"{int(value * 100)}{formatting.NO_BREAK_SPACE}%"
