"""One cell of the directory: what it says, or None where it does not say.

A copy that was opened and saved again in a French Excel has lost the zeros in front of its codes and telephone
numbers, and has its SIRET as `2,12E+13`. What can be repaired in one way only is repaired; what is lost is None, so
that the school keeps what a better file told us.
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

#: The lengths that INSEE and the post office gave to their numbers.
_POSTAL, _SIRET, _PHONE = 5, 14, 10
#: The digits that are left of them once Excel has taken a number's first zero.
_POSTAL_SHORT, _SIRET_SHORT, _PHONE_SHORT = 4, 13, 9


def tidy(text: str) -> str:
    """Return the text without the spaces around it, and with single ones inside."""
    return " ".join(text.split())


def sector(text: str) -> str:
    """Return « Public », « Privé », or what stands there."""
    return _SECTORS.get(fold(text), text)


def flag(text: str) -> bool | None:
    """Return what a column of 1 and 0 says."""
    return _FLAGS.get(text.lower())


def postal_code(text: str) -> str | None:
    """Return five digits; four have lost their zero."""
    if not text:
        return ""
    if len(text) == _POSTAL_SHORT and text.isdecimal():
        return "0" + text
    return text if len(text) == _POSTAL and text.isdecimal() else None


def commune_code(text: str) -> str | None:
    """Return INSEE's five characters; four digits have lost their zero."""
    if not text:
        return ""
    code = "0" + text if len(text) == _POSTAL_SHORT and text.isdecimal() else text.upper()
    return code if _COMMUNE.fullmatch(code) else None


def departement_code(text: str) -> str | None:
    """Return the directory's three characters: `021`, `02A`, `974`; Excel leaves `21` and `1`."""
    if not text:
        return ""
    code = text.upper()
    return code.zfill(3) if _DEPARTEMENT.fullmatch(code) else None


def phone(text: str) -> str | None:
    """Return a telephone number as it is read in France, « 04 66 00 00 00 »; overseas ones as they are written."""
    if not text:
        return ""
    digits = _NOT_DIGITS.sub("", text)
    if digits.startswith("+33"):
        digits = "0" + digits[3:].removeprefix("0")
    if len(digits) == _PHONE_SHORT and digits.isdecimal() and digits[0] != "0":
        digits = "0" + digits
    if len(digits) == _PHONE and digits.isdecimal() and digits[0] == "0":
        return " ".join(digits[at : at + 2] for at in range(0, _PHONE, 2))
    # Six digits in New Caledonia, eight in Polynesia. A number in powers of ten is lost.
    return text if digits.lstrip("+").isdecimal() and "E+" not in text.upper() and 6 <= len(digits) <= 15 else None  # noqa: PLR2004


def siret(text: str) -> str | None:
    """Return fourteen digits; thirteen have lost their zero, which the Luhn check then proves."""
    if not text:
        return ""
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if len(digits) == _SIRET_SHORT and luhn.is_valid("0" + digits):
        return "0" + digits
    return digits if len(digits) == _SIRET else None


def email(text: str) -> str | None:
    """Return the address in the cell; the first where there are two."""
    if not text:
        return ""
    match = _ADDRESS.search(text)
    return match[0] if match else None


def degrees(text: str, limit: int) -> float | None:
    """Return a latitude or a longitude, with a point or a comma; nothing that is not on the globe."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if abs(value) <= limit else None


def extra_address(second: str, third: str) -> str:
    """Return what the other two lines of the address add to it.

    The third mostly repeats postal code and town, « BP 508 01500 AMBERIEU EN BUGEY »: that part is dropped.
    """
    return ", ".join(part for part in (second, _TOWN.sub("", third)) if part)


def levels(
    nature_code: str, school_type: str, *, nursery: bool | None, elementary: bool | None
) -> tuple[bool | None, bool | None]:
    """Return whether there are nursery and elementary classes, from what the school is where the flags are silent.

    The directory leaves both empty for collèges and lycées, which have neither; a file without the flags still
    tells an école maternelle (101 to 111) from an école élémentaire (151 to 169), which may have nursery classes too.
    """
    if school_type in ("Collège", "Lycée"):
        return (nursery or False, elementary or False)
    if nature_code[:2] in ("10", "11"):
        return (True if nursery is None else nursery, elementary or False)
    if nature_code[:2] in ("15", "16"):
        return (nursery, True if elementary is None else elementary)
    return (nursery, elementary)
