"""One cell at a time: text as it reads, a quantity, a UAI, an address. Pure; a fault comes back as a `Problem`."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, NamedTuple

from imports.problems import Problem
from imports.readers import limits
from schools import uai

if TYPE_CHECKING:
    from imports.readers.sheets import Cell

# Excel gives thirty as 30, as 30.0 or, from a text column, as "30". float() would also let "nan" and "1e400" in.
WHOLE_NUMBER = re.compile(r"([0-9]{1,6})([.,]0+)?")
#: As French tables write thousands: with a space, a narrow one, or one that does not break.
_THOUSANDS = re.compile(r"(?<=[0-9])[ \u00a0\u202f](?=[0-9]{3}(?:[^0-9]|$))")
_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+)\s*>")
_PARTING = re.compile(r"[\s,;/]+")
LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64
_SPACES = re.compile(r"\s+")


def text_of(cell: Cell) -> str:
    """Return a cell as a person reads it: whole numbers without « .0 », dates the French way, single spaces."""
    if isinstance(cell, str):
        text = cell
        # Most cells are as they should be; the check is ten times cheaper than the substitution below.
        if len(text) <= limits.MAX_CELL and text.isprintable() and "  " not in text:
            return text.strip()
    elif isinstance(cell, bool):
        text = "VRAI" if cell else "FAUX"
    elif isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:  # noqa: PLR2004 - exact up to there
        text = str(int(cell))
    elif isinstance(cell, datetime.datetime | datetime.date):
        text = f"{cell:%d/%m/%Y}"
    else:
        text = str(cell)
    if len(text) > limits.MAX_CELL:
        text = text[: limits.MAX_CELL] + "…"
    return _SPACES.sub(" ", text.replace("\0", "")).strip()


def read_quantity(cell: Cell) -> int | Problem:
    """Return the number of licences a cell asks for."""
    text = str(cell).strip()
    match = WHOLE_NUMBER.fullmatch(text) or WHOLE_NUMBER.fullmatch(_THOUSANDS.sub("", text))
    if isinstance(cell, bool) or match is None or int(match[1]) == 0:
        if not text:
            return Problem("units", "units_missing", "Le nombre de licences manque.")
        return Problem("units", "units_invalid", "Indiquez un nombre entier, au moins 1.")
    return int(match[1])


def read_classes(cell: Cell) -> int | Problem | None:
    """Return the number of classes a cell tells, None where it is empty."""
    text = str(cell).strip()
    if not text:
        return None
    match = WHOLE_NUMBER.fullmatch(text)
    if isinstance(cell, bool) or match is None:
        return Problem("classes", "classes_invalid", "Le nombre de classes est illisible.", blocking=False)
    return int(match[1])


def read_phone(cell: Cell) -> str:
    """Return a telephone number, the zero put back that a number column ate; what is none is kept as it stands."""
    text = text_of(cell)[:30]
    return f"0{text}" if len(text) == 9 and text.isdecimal() else text  # noqa: PLR2004 - a French number has ten digits


class ReadUai(NamedTuple):
    """A valid UAI, and whether it had to be repaired (a zero that Excel ate, an O for a 0)."""

    uai: str
    repaired: bool


def read_uai(cell: Cell) -> ReadUai | Problem:
    """Return the UAI a cell names: one, valid, repaired only where the check letter proves the repair."""
    text = text_of(cell)
    if uai.is_valid(text):
        return ReadUai(text, repaired=False)
    found = uai.find(text)
    if len(found) > 1:
        return Problem(
            "uai",
            "uai_twice",
            f"Cette case contient plusieurs UAI ({', '.join(found)}) : faites une ligne pour chacun.",
        )
    if not found:
        return Problem("uai", "uai_missing" if not text else "uai_invalid", uai.fault(text))
    return ReadUai(found[0], repaired=found[0] not in text.upper().replace(" ", ""))


def read_email(cell: Cell) -> str | Problem:
    """Return the address a cell holds, "" where it is empty."""
    text = text_of(cell)
    if not text:
        return ""
    named = _NAMED.fullmatch(text)
    bare = (named[1] if named else text).removeprefix("mailto:").strip(" ;,.")
    if _is_address(bare):
        return bare
    parts = [part for part in _PARTING.split(bare) if "@" in part]
    if len(parts) > 1 and all(_is_address(part) for part in parts):
        return Problem("email", "email_twice", "Cette case contient plusieurs adresses : gardez-en une.")
    return Problem("email", "email_invalid", f"« {text[:80]} » n'est pas une adresse e-mail.")


def _is_address(text: str) -> bool:
    return (
        len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None and text.index("@") <= LONGEST_LOCAL_PART
    )
