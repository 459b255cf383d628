"""Parse one row: its values and all of its problems. Pure.

The school is not resolved here: `imports.checks.school_resolution` queries the directory for all rows at once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from imports import cells
from imports.cells import (
    is_email_address,
    is_excel_error,
    normalize_phone,
    parse_class_count,
    parse_email,
    parse_quantity,
)
from imports.columns import Meaning
from imports.formats.sheet_types import CellRow, CellValue
from imports.problems import UNTOLD_CODES, Problem, RowNote, warning

#: Characters of a contact's name in the database.
MAX_NAME_LENGTH = 150
#: Far below `limits.MAX_CELL_LENGTH`.
_SHORT_TEXT_LENGTH = 500
#: The text of most numbers, precomputed.
_COMMON_NUMBERS = {float(number): str(number) for number in range(1_000)}


class ParsedRow(NamedTuple):
    """The values of a row. `ignored`: why the row is no data (a total, a note); else ""."""

    #: Index of the sheet in the workbook, and row number, from 1.
    sheet: int
    number: int
    #: Text of the mapped columns' cells, by meaning.
    cells: dict[str, str]
    email: str
    #: None where it is invalid, or does not come from the file.
    units: int | None
    classes: int | None
    contact_name: str
    phone: str
    problems: list[Problem]
    ignored: str
    notes: tuple[RowNote, ...] = ()

    @property
    def has_noted_units(self) -> bool:
        """Whether a note of the file gives the number of licences, in place of the cell and of the number for all."""
        return bool(self.notes) and any(note.column == Meaning.UNITS for note in self.notes)


#: A mapped column: its meaning, its key in the row's cells, its index.
MappedColumn = tuple[Meaning, str, int]


def list_columns(columns: Mapping[Meaning, int]) -> list[MappedColumn]:
    """Return the columns as `parse_row` takes them, built once for all rows."""
    return [(meaning, meaning.value, index) for meaning, index in columns.items()]


def is_blank_row(row: CellRow) -> bool:
    """Whether all cells of a row are empty."""
    return not any(row) or not any(str(cell).strip() for cell in row)


def parse_row(
    sheet: int,
    number: int,
    row: CellRow,
    columns: Sequence[MappedColumn],
    *,
    volume: Meaning | None = None,
    ignored: str = "",
    uncomputed: Collection[tuple[int, int]] = (),
) -> ParsedRow:
    """Return the row's values and all of its problems.

    `volume`: the meaning that gives the number of licences; None where none does. `ignored`: why the row is no data.
    `uncomputed`: positions (row, column) of formulas whose result is not in the file.
    """
    width = len(row)
    raw: dict[Meaning, CellValue] = {}
    shown: dict[str, str] = {}
    for meaning, name, index in columns:
        if index < width and (cell := row[index]) != "":
            raw[meaning] = cell
            # Inlined from `cell_to_text`: most texts need no more, and the call costs more than the work.
            if type(cell) is str and len(cell) < _SHORT_TEXT_LENGTH and cell.isprintable() and "  " not in cell:
                text = cell.strip()
            elif type(cell) is float and cell in _COMMON_NUMBERS:
                text = _COMMON_NUMBERS[cell]
            else:
                text = cells.cell_to_text(cell)
            if text:
                shown[name] = text
    parsed = parse_cells(sheet, number, raw, shown, ignored=ignored, volume=volume)
    if uncomputed and not ignored:
        return _add_formula_problems(parsed, [m for m, _, index in columns if (number, index) in uncomputed], volume)
    return parsed


def parse_cells(
    sheet: int,
    number: int,
    raw: Mapping[Meaning, CellValue],
    shown: dict[str, str],
    *,
    ignored: str = "",
    volume: Meaning | None = None,
) -> ParsedRow:
    """Return the row of these cells. `raw`: values by meaning; `shown`: texts by key."""
    if ignored:
        return ParsedRow(sheet, number, shown, "", None, None, "", "", [], ignored)
    problems: list[Problem] = []
    units = None
    if volume is not None:
        quantity = parse_quantity(raw.get(volume, ""), "classes" if volume is Meaning.CLASSES else "licences")
        if isinstance(quantity, int):
            units = quantity
        else:
            problems.append(quantity)
    email = shown.get("email", "")
    if email and not is_email_address(email):
        address = parse_email(email)
        email = address if isinstance(address, str) else ""
        if isinstance(address, Problem):
            problems.append(address)
    classes = None
    if Meaning.CLASSES in raw:
        class_count = parse_class_count(raw[Meaning.CLASSES])
        if not isinstance(class_count, Problem):
            classes = class_count
        elif volume is not Meaning.CLASSES:
            problems.append(class_count)
    if is_excel_error(shown.get("uai", "")):
        problems.append(_UAI_ERROR)
    contact = shown.get("contact_name", "")[:MAX_NAME_LENGTH]
    phone = normalize_phone(raw[Meaning.PHONE]) if Meaning.PHONE in raw else ""
    return ParsedRow(sheet, number, shown, email, units, classes, contact, phone, problems, "")


def ignore_row(row: ParsedRow, reason: str) -> ParsedRow:
    """Return a row as one that is ignored for this reason: it is no school."""
    return ParsedRow(row.sheet, row.number, row.cells, "", None, None, "", "", [], reason, row.notes)


def leave_out_row(row: ParsedRow, code: str, reason: str) -> ParsedRow:
    """Return a row of a school as one that is ignored for this reason. `code`: one of `LEFT_OUT_CODES`."""
    return ignore_row(row, reason)._replace(notes=(*row.notes, RowNote("", code, reason)))


def add_notes(row: ParsedRow, notes: Sequence[RowNote], volume: Meaning | None, *, edited: bool = False) -> ParsedRow:
    """Return the row with the notes of its file. `edited`: a member typed its number, which overrides them."""
    relevant = [
        note for note in notes if note.code not in UNTOLD_CODES and not (edited and note.column == Meaning.UNITS)
    ]
    if row.ignored or not relevant:
        return row._replace(notes=(*row.notes, *notes))
    problems, units, classes = row.problems, row.units, row.classes
    for note in relevant:
        if note.column == Meaning.UNITS:
            problems = [problem for problem in problems if problem.column != Meaning.UNITS]
            # The classes of one row are not those of the rows that were added up.
            units, classes = note.units, note.units if volume is Meaning.CLASSES else None
    return row._replace(
        problems=[*problems, *(note.problem for note in relevant)],
        units=units,
        classes=classes,
        notes=(*row.notes, *notes),
    )


_UAI_ERROR = warning(
    "uai", "excel_error", "La case de l'UAI contient une erreur de votre tableur : l'école est cherchée par son nom."
)
_FORMULA_MESSAGE = (
    "Cette case contient une formule dont le résultat n'est pas dans le fichier. Ouvrez le fichier dans votre tableur, "
    "enregistrez-le et déposez-le de nouveau, ou indiquez la valeur ici."
)


def _add_formula_problems(row: ParsedRow, missing: Sequence[Meaning], volume: Meaning | None) -> ParsedRow:
    """Return the row with problems about its uncomputed formulas, in place of those about empty cells."""
    problems = row.problems
    for meaning in missing:
        if meaning is volume:
            problems = [problem for problem in problems if problem.code != "units_missing"]
            problems.append(Problem("units", "formula_not_computed", _FORMULA_MESSAGE))
        elif meaning is Meaning.EMAIL:
            problems.append(Problem("email", "formula_not_computed", _FORMULA_MESSAGE))
        elif meaning in (Meaning.UAI, Meaning.NAME, Meaning.CLASSES):
            problems.append(warning(meaning.value, "formula_not_computed", _FORMULA_MESSAGE))
    return row._replace(problems=problems)


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
