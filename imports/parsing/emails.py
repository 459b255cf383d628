"""Parse an e-mail address from a cell. Pure; errors are returned as a `Problem`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.email_addresses import is_ordinary_address
from imports.meanings import Problem
from imports.parsing.cells import cell_to_text
from imports.parsing.quantities import is_excel_error

if TYPE_CHECKING:
    from imports.formats.sheet_types import CellValue

_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    re.IGNORECASE,
)
_DISPLAY_NAME = re.compile(r"[^<>]*<\s*([^<>]+?)\s*>")
_PREFIX = re.compile(r"mailto\s*:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,;/|]+(?:et\s+|ou\s+)?")
MAX_ADDRESS_LENGTH = 254
MAX_LOCAL_PART_LENGTH = 64


def parse_email(cell: CellValue) -> str | Problem:
    """Return the address in a cell, "" where it is empty."""
    text = cell_to_text(cell)
    if not text or is_email_address(text):
        return text
    parts = [_strip_address(part) for part in re.split(r"[;,]", text) if part.strip()]
    if not parts:
        return ""
    if len(parts) == 1 and not is_email_address(parts[0]) and parts[0].count("@") > 1:
        parts = [_strip_address(part) for part in _SEPARATORS.split(text) if "@" in part]
    if parts and all(map(is_email_address, parts)):
        if len({part.lower() for part in parts}) == 1:
            return parts[0]
        return Problem(
            "email",
            "multiple_emails",
            f"Cette case contient plusieurs adresses ({', '.join(parts[:3])}) : gardez-en une.",
        )
    return Problem(
        "email", "email_invalid", f"« {text[:80]} » n'est pas une adresse e-mail : {_describe_error(cell, parts[0])}"
    )


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
