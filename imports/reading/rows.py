"""One row at a time: what it asks for, and everything that is wrong with it at once. Pure.

Which school it names is not decided here: `imports.resolving` asks the directory for all rows at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imports.meanings import Meaning
from imports.problems import Problem
from imports.reading import cells
from imports.reading.emails import is_address, read_email
from imports.reading.numbers import is_excel_error, read_classes, read_quantity
from imports.reading.phones import read_phone

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from imports.readers.sheets import Cell, Row

#: What the database keeps of a contact's name.
LONGEST_NAME = 150
#: Far below the longest text that is kept of a cell.
_SHORT = 500
#: Numbers as nearly all are, as a person reads them.
_COUNTS = {float(number): str(number) for number in range(1_000)}


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


#: A column that means something: its meaning, the meaning's name in the row's cells, its index.
Column = tuple[Meaning, str, int]


def columns_in_order(columns: Mapping[Meaning, int]) -> list[Column]:
    """Return the columns as `check` takes them, made once for all rows."""
    return [(meaning, meaning.value, index) for meaning, index in columns.items()]


def is_blank(row: Row) -> bool:
    """Tell whether nothing stands in a row."""
    return not any(row) or not any(str(cell).strip() for cell in row)


def check(
    sheet: int,
    number: int,
    row: Row,
    columns: Sequence[Column],
    *,
    volume: Meaning | None = None,
    ignored: str = "",
    uncomputed: Collection[tuple[int, int]] = (),
) -> CheckedRow:
    """Return what the row asks for, with every one of its faults.

    `volume`: the column that says how many licences; None where none does. `ignored`: why the row is none of the
    table's. `uncomputed`: the formulas, by row and column, whose result the file does not hold.
    """
    width = len(row)
    raw: dict[Meaning, Cell] = {}
    shown: dict[str, str] = {}
    for meaning, name, index in columns:
        if index < width and (cell := row[index]) != "":
            raw[meaning] = cell
            # Most texts need no more than this, which `text_of` would do after a call that costs more.
            if type(cell) is str and len(cell) < _SHORT and cell.isprintable() and "  " not in cell:
                text = cell.strip()
            elif type(cell) is float and cell in _COUNTS:
                text = _COUNTS[cell]
            else:
                text = cells.text_of(cell)
            if text:
                shown[name] = text
    found = check_cells(sheet, number, raw, shown, ignored=ignored, volume=volume)
    if uncomputed and not ignored:
        return _not_computed(found, [m for m, _, index in columns if (number, index) in uncomputed], volume)
    return found


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
    units = None
    if volume is not None:
        asked = read_quantity(raw.get(volume, ""), "classes" if volume is Meaning.CLASSES else "licences")
        if isinstance(asked, int):
            units = asked
        else:
            problems.append(asked)
    email = shown.get("email", "")
    if email and not is_address(email):
        address = read_email(email)
        email = address if isinstance(address, str) else ""
        if isinstance(address, Problem):
            problems.append(address)
    classes = None
    if Meaning.CLASSES in raw:
        told = read_classes(raw[Meaning.CLASSES])
        if not isinstance(told, Problem):
            classes = told
        elif volume is not Meaning.CLASSES:
            problems.append(told)
    if is_excel_error(shown.get("uai", "")):
        problems.append(_ERROR_FOR_UAI)
    contact = shown.get("contact_name", "")[:LONGEST_NAME]
    phone = read_phone(raw[Meaning.PHONE]) if Meaning.PHONE in raw else ""
    return CheckedRow(sheet, number, shown, email, units, classes, contact, phone, problems, "")


_ERROR_FOR_UAI = Problem(
    "uai",
    "excel_error",
    "La case de l'UAI contient une erreur de votre tableur : l'école est cherchée par son nom.",
    blocking=False,
)
_FORMULA = (
    "Cette case contient une formule dont le résultat n'est pas dans le fichier. Ouvrez le fichier dans votre tableur, "
    "enregistrez-le et déposez-le de nouveau, ou indiquez la valeur ici."
)


def _not_computed(row: CheckedRow, missing: Sequence[Meaning], volume: Meaning | None) -> CheckedRow:
    """Return the row with what is said of its formulas, in place of what is said of empty cells."""
    problems = row.problems
    for meaning in missing:
        if meaning is volume:
            problems = [problem for problem in problems if problem.code != "units_missing"]
            problems.append(Problem("units", "not_computed", _FORMULA))
        elif meaning is Meaning.EMAIL:
            problems.append(Problem("email", "not_computed", _FORMULA))
        elif meaning in (Meaning.UAI, Meaning.NAME, Meaning.CLASSES):
            problems.append(Problem(meaning.value, "not_computed", _FORMULA, blocking=False))
    return row._replace(problems=problems)
