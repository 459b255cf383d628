"""An e-mail address, taken out of what people write around it. Pure; a fault comes back as a `Problem`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imports.problems import Problem
from imports.reading.cells import text_of
from imports.reading.numbers import is_excel_error
from web.mailboxes import is_ordinary

if TYPE_CHECKING:
    from imports.readers.sheets import Cell

_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[^<>]*<\s*([^<>]+?)\s*>")
_PREFIX = re.compile(r"mailto\s*:", re.IGNORECASE)
_PARTING = re.compile(r"[\s,;/|]+(?:et\s+|ou\s+)?")
LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64


def read_email(cell: Cell) -> str | Problem:
    """Return the address a cell holds, "" where it is empty."""
    text = text_of(cell)
    if not text or is_address(text):
        return text
    parts = [_bare(part) for part in re.split(r"[;,]", text) if part.strip()]
    if not parts:
        return ""
    if len(parts) == 1 and not is_address(parts[0]) and parts[0].count("@") > 1:
        parts = [_bare(part) for part in _PARTING.split(text) if "@" in part]
    if parts and all(map(is_address, parts)):
        if len({part.lower() for part in parts}) == 1:
            return parts[0]
        return Problem(
            "email", "email_twice", f"Cette case contient plusieurs adresses ({', '.join(parts[:3])}) : gardez-en une."
        )
    return Problem("email", "email_invalid", f"« {text[:80]} » n'est pas une adresse e-mail : {_fault(cell, parts[0])}")


def is_address(text: str) -> bool:
    """Tell whether a text is an address that can be written to."""
    return is_ordinary(text) or (
        len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None and text.index("@") <= LONGEST_LOCAL_PART
    )


def _bare(text: str) -> str:
    named = _NAMED.fullmatch(text.strip())
    return _PREFIX.sub("", named[1] if named else text).strip(" ;,.\u00a0<>\"'")


def _fault(cell: Cell, text: str) -> str:
    local, at, domain = text.rpartition("@")
    if is_excel_error(cell):
        fault = "c'est une erreur de votre tableur."
    elif not at:
        fault = "il y manque le signe @."
    elif "@" in local:
        fault = "elle contient plusieurs signes @."
    elif any(character.isspace() for character in text):
        fault = "elle contient une espace."
    elif not text.isascii():
        strange = next(character for character in text if not character.isascii())
        fault = f"le caractère « {strange} » n'y est pas permis."
    elif ".." in text or local.endswith(".") or local.startswith("."):
        fault = "un point y est mal placé."
    elif not local:
        fault = "il y manque ce qui précède le signe @."
    elif "." not in domain:
        fault = "il manque la fin de son domaine (.fr, .org…)."
    elif len(text) > LONGEST_ADDRESS or len(local) > LONGEST_LOCAL_PART:
        fault = "elle est trop longue."
    else:
        fault = "un caractère n'y est pas permis."
    return fault
