"""Parse a number of licences or classes from a cell. Pure; errors are returned as a `Problem`."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache

from imports.formats.sheet_types import CellValue
from imports.meanings import Problem

# Excel stores thirty as 30, 30.0 or, in a text column, "30". float() would also accept "nan" and "1e400".
WHOLE_NUMBER = re.compile(r"([0-9]{1,6})([.,]0+)?")
#: The sum of several columns as `summed_columns` writes it: « 2 + 3 + 1 = 6 ». « 2 + 3 » alone may mean other things.
_SUM = re.compile(r"([0-9]{1,6}(?: \+ [0-9]{1,6})+) = ([0-9]{1,6})")
#: Units after a number: « 30 classes », « 12 lic. ».
_UNIT = re.compile(
    r"\s*\(?(?:licences?|licenses?|lic|classes?|cl|clés?|cles?|abonnements?|abo|unités?|u)\.?\)?\s*$", re.IGNORECASE
)
#: Thousands separators in French: a space, a narrow space or a no-break space.
_THOUSANDS = re.compile(r"(?<=[0-9])[ \u00a0\u202f\u2009](?=[0-9]{3}(?:[^0-9]|$))")
_AMBIGUOUS_NUMBER = re.compile(r"[0-9]{1,3}([.,][0-9]{3})+")
_ERRORS = re.compile(
    r"#(N/A|REF|VALUE|VALEUR|NAME|NOM|DIV/0|NULL|NUL|NUM|NOMBRE|CALC|SPILL|N/D|ERREUR)[!?]?", re.IGNORECASE
)
_MAX_DIGITS = 6


def is_excel_error(cell: CellValue) -> bool:
    """Whether a cell holds a spreadsheet error: « #N/A », « #REF! »."""
    return isinstance(cell, str) and cell.startswith("#") and _ERRORS.fullmatch(cell.strip()) is not None


def parse_quantity(cell: CellValue, what: str = "licences") -> int | Problem:
    """Return the integer in a cell, from 0. `what`: « licences » or « classes », for the message."""
    if type(cell) is int and 0 <= cell < 10**_MAX_DIGITS:
        return cell
    number = (
        None
        if isinstance(cell, bool | datetime.date | datetime.time | datetime.timedelta)
        else _parse_number(str(cell))
    )
    if number is not None:
        return number
    if not str(cell).strip():
        return Problem("units", "units_missing", f"Le nombre de {what} manque.")
    return Problem("units", "units_invalid", f"{_describe_wrong_number(cell)} Indiquez un nombre entier de {what}.")


def parse_class_count(cell: CellValue) -> int | Problem | None:
    """Return the number of classes in a cell, None where it is empty."""
    number = parse_quantity(cell, "classes")
    if isinstance(number, int):
        return number
    if number.code == "units_missing":
        return None
    return Problem("classes", "classes_invalid", number.message, blocking=False)


def is_quantity(text: str) -> bool:
    """Whether a text is a non-negative integer."""
    return _parse_number(text) is not None


@lru_cache(maxsize=8192)
def _parse_number(raw: str) -> int | None:
    text = raw.strip()
    if not text[:1].isascii():
        return None
    match = WHOLE_NUMBER.fullmatch(text)
    if match is None:
        text = _UNIT.sub("", text)
        match = WHOLE_NUMBER.fullmatch(text) or WHOLE_NUMBER.fullmatch(_THOUSANDS.sub("", text))
        if match is None and (addition := _SUM.fullmatch(text)):
            total = int(addition[2])
            return total if sum(map(int, addition[1].split(" + "))) == total else None
    # « 1.000 » may be one or a thousand: the member must decide.
    return int(match[1]) if match is not None and not _AMBIGUOUS_NUMBER.fullmatch(text) else None


def _describe_wrong_number(cell: CellValue) -> str:
    """Return the French sentence about a cell that is no integer."""
    if isinstance(cell, bool):
        return f"« {'VRAI' if cell else 'FAUX'} » n'est pas un nombre."
    if isinstance(cell, datetime.date):
        return f"Cette case contient une date ({cell:%d/%m/%Y}) : le tableur a sans doute pris un nombre pour une date."
    text = str(cell).strip()
    shown = f"« {text[:40]} »"
    if is_excel_error(cell):
        error = f"Cette case contient l'erreur {shown} de votre tableur."
    elif _AMBIGUOUS_NUMBER.fullmatch(text):
        error = f"{shown} peut se lire de deux façons : écrivez le nombre sans point ni virgule."
    elif re.fullmatch(r"[-−–]\s*[0-9]+([.,][0-9]+)?", text):
        error = f"{shown} est un nombre négatif."
    elif re.fullmatch(r"[0-9]+[.,][0-9]+", text):
        error = f"{shown} n'est pas un nombre entier."
    elif re.fullmatch(r"[0-9]{7,}([.,]0+)?|[0-9.]+e\+?[0-9]+", text, re.IGNORECASE):
        error = f"{shown} est un nombre démesuré."
    elif len(re.findall(r"[0-9]+", text)) > 1:
        error = f"{shown} contient plusieurs nombres."
    else:
        error = f"{shown} n'est pas un nombre."
    return error
