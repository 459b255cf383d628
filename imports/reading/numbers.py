"""A number of licences or classes, as people leave it in a cell. Pure; a fault comes back as a `Problem`."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from imports.problems import Problem

if TYPE_CHECKING:
    from imports.readers.sheets import Cell

# Excel gives thirty as 30, as 30.0 or, from a text column, as "30". float() would also let "nan" and "1e400" in.
WHOLE_NUMBER = re.compile(r"([0-9]{1,6})([.,]0+)?")
#: What may stand behind a number without changing it: « 30 classes », « 12 lic. ».
_UNIT = re.compile(
    r"\s*\(?(?:licences?|licenses?|lic|classes?|cl|clés?|cles?|abonnements?|abo|unités?|u)\.?\)?\s*$", re.IGNORECASE
)
#: As French tables write thousands: with a space, a narrow one, or one that does not break.
_THOUSANDS = re.compile(r"(?<=[0-9])[ \u00a0\u202f\u2009](?=[0-9]{3}(?:[^0-9]|$))")
_POINT = re.compile(r"[0-9]{1,3}([.,][0-9]{3})+")
_ERRORS = re.compile(
    r"#(N/A|REF|VALUE|VALEUR|NAME|NOM|DIV/0|NULL|NUL|NUM|NOMBRE|CALC|SPILL|N/D|ERREUR)[!?]?", re.IGNORECASE
)
_MOST_DIGITS = 6


def is_excel_error(cell: Cell) -> bool:
    """Tell whether a cell holds an error of the spreadsheet: « #N/A », « #REF! »."""
    return isinstance(cell, str) and cell.startswith("#") and _ERRORS.fullmatch(cell.strip()) is not None


def read_quantity(cell: Cell, what: str = "licences") -> int | Problem:
    """Return the number a cell asks for, zero included. `what`: « licences » or « classes », for the sentence."""
    if type(cell) is int and 0 <= cell < 10**_MOST_DIGITS:
        return cell
    found = (
        None if isinstance(cell, bool | datetime.date | datetime.time | datetime.timedelta) else _number_in(str(cell))
    )
    if found is not None:
        return found
    if not str(cell).strip():
        return Problem("units", "units_missing", f"Le nombre de {what} manque.")
    return Problem("units", "units_invalid", f"{_fault(cell)} Indiquez un nombre entier de {what}.")


def read_classes(cell: Cell) -> int | Problem | None:
    """Return the number of classes a cell tells, None where it is empty."""
    found = read_quantity(cell, "classes")
    if isinstance(found, int):
        return found
    if found.code == "units_missing":
        return None
    return Problem("classes", "classes_invalid", found.message, blocking=False)


def is_quantity(text: str) -> bool:
    """Tell whether a text is a number that may count licences."""
    return _number_in(text) is not None


@lru_cache(maxsize=8192)
def _number_in(written: str) -> int | None:
    text = written.strip()
    if not text[:1].isascii():
        return None
    match = WHOLE_NUMBER.fullmatch(text)
    if match is None:
        text = _UNIT.sub("", text)
        match = WHOLE_NUMBER.fullmatch(text) or WHOLE_NUMBER.fullmatch(_THOUSANDS.sub("", text))
    # « 1.000 » is one for some and a thousand for others: a person says which.
    return int(match[1]) if match is not None and not _POINT.fullmatch(text) else None


def _fault(cell: Cell) -> str:
    """Say in French what is wrong with a cell that is no whole number."""
    if isinstance(cell, bool):
        return f"« {'VRAI' if cell else 'FAUX'} » n'est pas un nombre."
    if isinstance(cell, datetime.date):
        return f"Cette case contient une date ({cell:%d/%m/%Y}) : le tableur a sans doute pris un nombre pour une date."
    text = str(cell).strip()
    shown = f"« {text[:40]} »"
    if is_excel_error(cell):
        fault = f"Cette case contient l'erreur {shown} de votre tableur."
    elif _POINT.fullmatch(text):
        fault = f"{shown} peut se lire de deux façons : écrivez le nombre sans point ni virgule."
    elif re.fullmatch(r"[-−–]\s*[0-9]+([.,][0-9]+)?", text):
        fault = f"{shown} est un nombre négatif."
    elif re.fullmatch(r"[0-9]+[.,][0-9]+", text):
        fault = f"{shown} n'est pas un nombre entier."
    elif re.fullmatch(r"[0-9]{7,}([.,]0+)?|[0-9.]+e\+?[0-9]+", text, re.IGNORECASE):
        fault = f"{shown} est un nombre démesuré."
    elif len(re.findall(r"[0-9]+", text)) > 1:
        fault = f"{shown} contient plusieurs nombres."
    else:
        fault = f"{shown} n'est pas un nombre."
    return fault
