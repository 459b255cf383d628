"""Normalise telephone numbers from cells: lost leading zero, numeric cells, country code. Pure."""

from __future__ import annotations

import re

from imports.formats.sheet_types import CellValue
from imports.parsing.cells import cell_to_text

#: Characters of the database column.
MAX_LENGTH = 30
_INTERNATIONAL = re.compile(r"(?:\+|00)33(?:0|\(0\))?")
_PHONE_SEPARATORS = re.compile(r"[\s.\-_]+")
_SEVERAL = re.compile(r"\s*(?:[/;,|]|\bou\b|\bet\b|\n)\s*")


def normalize_phone(cell: CellValue) -> str:
    """Return the telephone numbers of a cell in French form; any other text unchanged."""
    text = cell_to_text(cell)
    if not text or (len(text) == 14 and text[2::3] == "    " and text.replace(" ", "").isdecimal()):  # noqa: PLR2004
        return text
    if text.isdecimal() and text.isascii():
        return _format_number(text) or text[:MAX_LENGTH]
    parts = [part for part in _SEVERAL.split(text) if part]
    formatted = (
        ", ".join(dict.fromkeys(_format_number(part) or part for part in parts))
        if all(map(_format_number, parts))
        else ""
    )
    if formatted:
        return formatted if len(formatted) <= MAX_LENGTH else formatted.split(", ")[0]
    return _format_number(text) or text[:MAX_LENGTH]


def _format_number(text: str) -> str:
    """Format a number as « 04 66 12 34 56 », "" where it is no French number."""
    digits = text
    if not digits.isdecimal() or digits.startswith("00"):
        digits = _INTERNATIONAL.sub("0", _PHONE_SEPARATORS.sub("", text.replace("(0)", "").replace("/", "")), count=1)
    # Numeric cells lose the leading zero.
    if len(digits) == 9 and digits.isdecimal() and digits[0] != "0":  # noqa: PLR2004 - French numbers have ten digits
        digits = f"0{digits}"
    if len(digits) != 10 or not (digits.isascii() and digits.isdecimal()) or digits[0] != "0":  # noqa: PLR2004
        return ""
    return f"{digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:8]} {digits[8:]}"
