"""Parse one cell of the directory; None where its value is lost.

A file re-saved by a French Excel has lost leading zeros of codes and telephone numbers, and has SIRET as `2,12E+13`.
Unambiguous damage is repaired; a lost value is None, so that the school keeps the value of an earlier file.
"""

from __future__ import annotations

import re

from stdnum import luhn

from schools.folding import fold

STATES = {
    "ouvert": "open",
    "1": "open",
    "a fermer": "closing",
    "2": "closing",
    "a ouvrir": "opening",
    "3": "opening",
    "ferme": "closed",
    "4": "closed",
}
_SECTORS = {"public": "Public", "secteur public": "Public", "prive": "Privé", "secteur prive": "Privé"}
_FLAGS = {"1": True, "1.0": True, "true": True, "oui": True, "0": False, "0.0": False, "false": False, "non": False}

_ADDRESS = re.compile(r"[^\s@;,<>]+@[^\s@;,<>]+\.[A-Za-z]{2,}")
_COMMUNE = re.compile(r"[0-9]{5}|2[AB][0-9]{3}")
_DEPARTEMENT = re.compile(r"[0-9]{1,3}|0?2[AB]")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_TOWN = re.compile(r"(?:^|\s+)[0-9]{5}(\s.*)?$")
_NOT_DIGITS = re.compile(r"[^0-9+]")

#: Number of digits.
_POSTAL, _SIRET, _PHONE = 5, 14, 10
#: Number of digits once Excel has removed the leading zero.
_POSTAL_SHORT, _SIRET_SHORT, _PHONE_SHORT = 4, 13, 9


def tidy(text: str) -> str:
    """Strip the text and collapse inner whitespace."""
    return " ".join(text.split())


def parse_sector(text: str) -> str:
    """Return « Public » or « Privé », or the text unchanged."""
    return _SECTORS.get(fold(text), text)


def parse_flag(text: str) -> bool | None:
    """Parse a boolean cell."""
    return _FLAGS.get(text.lower())


def parse_postal_code(text: str) -> str | None:
    """Return five digits; a leading zero is restored."""
    if not text:
        return ""
    if len(text) == _POSTAL_SHORT and text.isdecimal():
        return "0" + text
    return text if len(text) == _POSTAL and text.isdecimal() else None


def parse_commune_code(text: str) -> str | None:
    """Return the INSEE code of five characters; a leading zero is restored."""
    if not text:
        return ""
    code = "0" + text if len(text) == _POSTAL_SHORT and text.isdecimal() else text.upper()
    return code if _COMMUNE.fullmatch(code) else None


def parse_departement_code(text: str) -> str | None:
    """Return the directory's three characters: `021`, `02A`, `974`; Excel leaves `21` and `1`."""
    if not text:
        return ""
    code = text.upper()
    return code.zfill(3) if _DEPARTEMENT.fullmatch(code) else None


def parse_phone(text: str) -> str | None:
    """Return a telephone number as « 04 66 00 00 00 »; overseas numbers unchanged."""
    if not text:
        return ""
    digits = _NOT_DIGITS.sub("", text)
    if digits.startswith("+33"):
        digits = "0" + digits[3:].removeprefix("0")
    if len(digits) == _PHONE_SHORT and digits.isdecimal() and digits[0] != "0":
        digits = "0" + digits
    if len(digits) == _PHONE and digits.isdecimal() and digits[0] == "0":
        return " ".join(digits[at : at + 2] for at in range(0, _PHONE, 2))
    # Six digits in New Caledonia, eight in Polynesia. A number in scientific notation is lost.
    return text if digits.lstrip("+").isdecimal() and "E+" not in text.upper() and 6 <= len(digits) <= 15 else None  # noqa: PLR2004


def parse_siret(text: str) -> str | None:
    """Return fourteen digits; a leading zero is restored where the Luhn check confirms it."""
    if not text:
        return ""
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if len(digits) == _SIRET_SHORT and luhn.is_valid("0" + digits):
        return "0" + digits
    return digits if len(digits) == _SIRET else None


def parse_email(text: str) -> str | None:
    """Return the first e-mail address in the cell."""
    if not text:
        return ""
    match = _ADDRESS.search(text)
    return match[0] if match else None


def parse_degrees(text: str, limit: int) -> float | None:
    """Parse a latitude or a longitude, with a point or a comma; None beyond `limit`."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if abs(value) <= limit else None


def join_address_lines(second: str, third: str) -> str:
    """Join the second and third address lines.

    The third mostly repeats postal code and town, « BP 508 01500 AMBERIEU EN BUGEY »: that part is removed.
    """
    return ", ".join(part for part in (second, _TOWN.sub("", third)) if part)


def infer_levels(
    nature_code: str, school_type: str, *, nursery: bool | None, elementary: bool | None
) -> tuple[bool | None, bool | None]:
    """Return whether there are nursery and elementary classes, inferred from nature and type where the flags are empty.

    The directory leaves both empty for collèges and lycées, which have neither. In files without the flags, the nature
    code distinguishes école maternelle (101 to 111) and école élémentaire (151 to 169), which may have nursery classes.
    """
    if school_type in ("Collège", "Lycée"):
        return (nursery or False, elementary or False)
    if nature_code[:2] in ("10", "11"):
        return (True if nursery is None else nursery, elementary or False)
    if nature_code[:2] in ("15", "16"):
        return (nursery, True if elementary is None else elementary)
    return (nursery, elementary)
