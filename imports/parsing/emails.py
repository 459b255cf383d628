"""Parse an e-mail address from a cell. Pure; errors are returned as a `Problem`."""

from __future__ import annotations

import re

from core.email_addresses import is_ordinary_address
from imports.formats.sheet_types import CellValue
from imports.meanings import Problem
from imports.parsing.cells import cell_to_text
from imports.parsing.quantities import is_excel_error

_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    re.IGNORECASE,
)
_DISPLAY_NAME = re.compile(r"[^<>]*<\s*([^<>]+?)\s*>")
_PREFIX = re.compile(r"mailto\s*:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,;/|]+(?:et\s+|ou\s+)?")
_BETWEEN_ADDRESSES = re.compile(r"[\s,;/|<>]+")
MAX_ADDRESS_LENGTH = 254
MAX_LOCAL_PART_LENGTH = 64
#: Characters of a wrong address, and addresses of a cell, that a sentence shows.
MAX_SHOWN_LENGTH, MAX_NAMED = 80, 4


def parse_email(cell: CellValue) -> str | Problem:
    """Return the address in a cell, "" where it is empty."""
    text = cell_to_text(cell)
    if not text or is_email_address(text):
        return text
    parts = _split(text)
    if not parts:
        return ""
    wrong = next((part for part in parts if not is_email_address(part)), None)
    if wrong is not None:
        shown = wrong if len(parts) > 1 else text
        shown = shown if len(shown) <= MAX_SHOWN_LENGTH else f"{shown[:MAX_SHOWN_LENGTH]}…"
        message = f"« {shown} » n'est pas une adresse e-mail : {_describe_error(cell, wrong)}"
        return Problem("email", "email_invalid", message)
    if len({part.lower() for part in parts}) == 1:
        return parts[0]
    shown = ", ".join(parts[:MAX_NAMED]) + (", …" if len(parts) > MAX_NAMED else "")
    return Problem("email", "multiple_emails", f"Cette case contient plusieurs adresses ({shown}) : gardez-en une.")


def find_addresses(text: str) -> list[str]:
    """Return the distinct valid addresses in the text of a cell, in order."""
    return list(dict.fromkeys(part for part in _BETWEEN_ADDRESSES.split(text) if is_email_address(part)))


def _split(text: str) -> list[str]:
    """Return the addresses of a text, valid or not, without names and brackets around them."""
    parts = [_strip_address(part) for part in re.split(r"[;,]", text) if part.strip()]
    if text.count("@") > 1 and not all(map(is_email_address, parts)):
        # « a@b.fr, c@d.fr / e@f.fr », « a@b.fr et c@d.fr ».
        parts = [_strip_address(part) for part in _SEPARATORS.split(text) if "@" in part]
    return parts


def is_email_address(text: str) -> bool:
    """Whether a text is a valid e-mail address."""
    return is_ordinary_address(text) or (
        len(text) <= MAX_ADDRESS_LENGTH
        and _ADDRESS.fullmatch(text) is not None
        and text.index("@") <= MAX_LOCAL_PART_LENGTH
    )


def _strip_address(text: str) -> str:
    match = _DISPLAY_NAME.fullmatch(text.strip())
    return _PREFIX.sub("", match[1] if match else text).strip(" ;,.\u00a0<>\"'")


def _describe_error(cell: CellValue, text: str) -> str:
    local, at, domain = text.rpartition("@")
    if is_excel_error(cell):
        error = "c'est une erreur de votre tableur."
    elif not at:
        error = "il y manque le signe @."
    elif "@" in local:
        error = "elle contient plusieurs signes @."
    elif any(character.isspace() for character in text):
        error = "elle contient une espace."
    elif not text.isascii():
        invalid = next(character for character in text if not character.isascii())
        error = f"le caractère « {invalid} » n'y est pas permis."
    elif ".." in text or local.endswith(".") or local.startswith("."):
        error = "un point y est mal placé."
    elif not local:
        error = "il y manque ce qui précède le signe @."
    elif "." not in domain:
        error = "il manque la fin de son domaine (.fr, .org…)."
    elif len(text) > MAX_ADDRESS_LENGTH or len(local) > MAX_LOCAL_PART_LENGTH:
        error = "elle est trop longue."
    else:
        error = "un caractère n'y est pas permis."
    return error
