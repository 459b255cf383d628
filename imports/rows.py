"""One row at a time: what it asks for, and everything that is wrong with it at once. Pure.

Which school it names is not decided here: `imports.resolving` asks the directory for all rows at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imports import cells
from imports.meanings import Meaning
from imports.problems import Problem
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imports.readers.sheets import Cell, Row

_TOTAL = re.compile(r"(sous )?(total|totaux|ensemble|somme|cumul)( (general|des|de|du|commune|ecoles?|licences?)\b.*)?")
_HAS_DIGITS = re.compile(r"(?:[0-9][^0-9]?){5,}")
#: Six digits, a letter, and perhaps a zero that was lost.
SHORTEST_UAI = 6


class CheckedRow(NamedTuple):
    """What a row asks for. `ignored` says why it is none of the table's (a total, a note); else it is ""."""

    #: Index of its sheet among the workbook's, and its number there, from 1.
    sheet: int
    number: int
    #: The cells of the columns that mean something, as a person reads them.
    cells: dict[str, str]
    email: str
    #: None where it cannot be read, or where the file is not what says it.
    units: int | None
    classes: int | None
    contact_name: str
    phone: str
    problems: list[Problem]
    ignored: str


def is_blank(row: Row) -> bool:
    """Tell whether nothing stands in a row."""
    return not any(cell if isinstance(cell, str) else cell is not None for cell in row) or not any(
        str(cell).strip() for cell in row
    )


def check(
    sheet: int, number: int, row: Row, columns: Mapping[Meaning, int], *, volume: Meaning | None = None
) -> CheckedRow:
    """Return what the row asks for, with every one of its faults.

    `volume`: the column that says how many licences; None where none does.
    """
    width = len(row)
    raw: dict[Meaning, Cell] = {meaning: row[i] if i < width else "" for meaning, i in columns.items()}
    shown: dict[str, str] = {
        meaning.value: text for meaning, cell in raw.items() if cell != "" and (text := cells.text_of(cell))
    }
    return check_cells(sheet, number, raw, shown, ignored=_why_ignored(row, raw), volume=volume)


def check_cells(
    sheet: int,
    number: int,
    raw: Mapping[Meaning, Cell],
    shown: dict[str, str],
    *,
    ignored: str = "",
    volume: Meaning | None = None,
) -> CheckedRow:
    """Return what the cells of the recognised columns ask for."""
    if ignored:
        return CheckedRow(sheet, number, shown, "", None, None, "", "", [], ignored)
    problems: list[Problem] = []
    units = cells.read_quantity(raw.get(volume, "")) if volume is not None else None
    email = cells.read_email(raw.get(Meaning.EMAIL, ""))
    classes = cells.read_classes(raw.get(Meaning.CLASSES, ""))
    problems += [fault for fault in (units, email) if isinstance(fault, Problem)]
    if volume is not Meaning.CLASSES and isinstance(classes, Problem):
        problems.append(classes)
    return CheckedRow(
        sheet,
        number,
        shown,
        email if isinstance(email, str) else "",
        units if isinstance(units, int) else None,
        classes if isinstance(classes, int) else None,
        shown.get(Meaning.CONTACT_NAME, "")[:150],
        cells.read_phone(raw.get(Meaning.PHONE, "")),
        problems,
        "",
    )


def _why_ignored(row: Row, raw: Mapping[Meaning, Cell]) -> str:
    """Say why a row is none of the table's, "" where it is one.

    Asked only of rows whose UAI cell holds nothing like a UAI: a row that names a school is never passed over.
    """
    named = raw.get(Meaning.UAI, "")
    if named is not None and (not isinstance(named, str) or (len(named) >= SHORTEST_UAI and _HAS_DIGITS.search(named))):
        return ""
    filled = [cell for cell in row if str(cell).strip()]
    texts = [cell for cell in filled if isinstance(cell, str)]
    reason = ""
    if any(_TOTAL.fullmatch(fold(text)) for text in texts[:3]):
        reason = "Ligne de total."
    elif fold(str(named)) in {"uai", "rne", "code uai", "code rne"}:
        reason = "En-tête répété."
    elif not str(named).strip() and not any(any(c.isalpha() for c in text) for text in texts):
        reason = "Ligne sans école : un total sans doute."
    elif len(filled) == 1 and texts and not _HAS_DIGITS.search(texts[0]):
        reason = "Ligne sans école : une note ou un titre."
    return reason
