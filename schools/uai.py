"""The UAI: seven digits and a check letter, the key by which every list in the country names a school.

Pure functions: nothing here knows the database. A UAI that comes from a person or from a spreadsheet goes through
`normalise`, then `is_valid`; `fault` says in French what is wrong with one that is not, `near` what it may have been.
"""

from __future__ import annotations

import re
import unicodedata

#: I, O and Q are left out: they look too much like 1 and 0.
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"

WELL_FORMED = re.compile(rf"[0-9]{{7}}[{LETTERS}]")

# What people put between the digits: spaces of every width, dashes, dots, underscores, an apostrophe of Excel's.
_BETWEEN = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff\-\u2010-\u2015\u2212._'’\"]+")
# Five digits at least: a département's number has three, of which two at most can be zeros.
_LOST_ZEROS = re.compile(rf"([0-9]{{5,6}})([{LETTERS}])")
_LOOKALIKES = str.maketrans("OIL", "011")
# Digits and letters that a hand, a scan or a fax takes for each other: proof enough for a proposal, never for a repair.
_MISREAD_DIGITS = str.maketrans("OQDILSBZG", "000115826")
_MISREAD_LETTERS = {"0": "D", "2": "Z", "4": "A", "5": "S", "6": "G", "7": "T", "8": "B"}
# A number that was saved with its decimals: 940176.0.
_DECIMALS = re.compile(r"([0-9]{5,7})[.,]0+")
_DAMAGED = re.compile(r"([0-9]{5,8})([A-Z]?)")
# Inside a longer text, a UAI stands by itself: « 0301234X, 0301235Y » or « Jean Jaurès (0301234x) ».
_EMBEDDED = re.compile(r"(?<![0-9A-Za-z])[0-9]{5,7} ?[A-Za-z](?![0-9A-Za-z])")


def check_letter(digits: str) -> str:
    """Return the letter that the seven digits call for.

    Raises `ValueError` for anything but seven digits.
    """
    if not (len(digits) == 7 and digits.isascii() and digits.isdigit()):  # noqa: PLR2004 - a UAI has seven digits
        raise ValueError(f"Seven digits expected, not {digits!r}.")
    return LETTERS[int(digits) % len(LETTERS)]


def is_valid(uai: str) -> bool:
    """Tell whether `uai`, in its normal form, is well formed and carries the right letter."""
    return WELL_FORMED.fullmatch(uai) is not None and uai[7] == check_letter(uai[:7])


def normalise(text: str) -> str:
    """Return `text` as a UAI is written: capitals, no spaces, the zeros that Excel ate put back.

    What cannot be repaired in one way only is returned tidied but otherwise as it came: `is_valid` is the judge.

    - Case, spaces, dashes, dots and full-width characters do not matter.
    - An O among the digits is a zero, an I or an L a one, where the check letter then agrees.
    - `311131L` has lost its zero, `10001W` two of them: zeros in front do not change the remainder that gives the
      letter, so a right letter proves the repair; a wrong one forbids it.

    A missing or wrong letter is never made up: it is the only proof that the digits are right.
    """
    bare = tidy(text)
    for candidate in (bare, bare[:-1].translate(_LOOKALIKES) + bare[-1:]):
        if is_valid(candidate):
            return candidate
        short = _LOST_ZEROS.fullmatch(candidate)
        if short is not None:
            whole = short[1].zfill(7) + short[2]
            if is_valid(whole) and _is_in_a_departement(whole):
                return whole
    return bare


def tidy(text: str) -> str:
    """Return `text` in capitals, without what people put between the digits; nothing is repaired."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()


def near(text: str) -> frozenset[str]:
    """Return the valid UAI that one slip may have made `text` of: none is proven, and most are no school's.

    The letter wrong or lost, with or without zeros in front; the letter right, and a digit wrong, left out, doubled, or
    swapped with its neighbour; digits and letters taken for each other. None for a text that no slip explains.
    """
    decimals = _DECIMALS.fullmatch(text.strip())
    bare = decimals[1] if decimals else tidy(text)
    readings = {bare, bare[:-1].translate(_MISREAD_DIGITS) + bare[-1:]}
    if bare[-1:] in _MISREAD_LETTERS and len(bare) in (7, 8):
        readings.add(bare[:-1].translate(_MISREAD_DIGITS) + _MISREAD_LETTERS[bare[-1]])
    found: set[str] = set()
    for reading in readings:
        match = _DAMAGED.fullmatch(reading)
        if match is not None:
            found |= _near(match[1], match[2])
    return frozenset(found - {bare})


def _near(digits: str, letter: str) -> set[str]:
    found: set[str] = set()
    if len(digits) <= 7:  # noqa: PLR2004 - a UAI has seven digits
        whole = digits.zfill(7)
        found.add(whole + check_letter(whole))
    if not letter:
        return found
    if len(digits) == 8:  # noqa: PLR2004 - one too many
        others = {digits[:i] + digits[i + 1 :] for i in range(8)}
    elif len(digits) == 7:  # noqa: PLR2004
        others = {digits[:i] + str(digit) + digits[i + 1 :] for i in range(7) for digit in range(10)}
        others |= {digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :] for i in range(6)}
    else:
        short = digits.zfill(6)
        others = {short[:i] + str(digit) + short[i:] for i in range(7) for digit in range(10)}
    return found | {other + letter for other in others if check_letter(other) == letter}


def find(text: str) -> list[str]:
    """Return the valid UAI that stand in `text`, each once, in their order: people paste two in one cell."""
    whole = normalise(text)
    if is_valid(whole):
        return [whole]
    candidates = (normalise(match[0]) for match in _EMBEDDED.finditer(unicodedata.normalize("NFKC", text)))
    return list(dict.fromkeys(uai for uai in candidates if is_valid(uai)))


def fault(text: str) -> str:
    """Say in French what is wrong with `text` as a UAI; an empty string where nothing is."""
    uai = normalise(text)
    if not uai:
        return "L'UAI manque."
    if is_valid(uai):
        return ""
    if WELL_FORMED.fullmatch(uai):
        return f"L'UAI « {uai} » contient une faute de frappe : sa lettre de contrôle ne correspond pas à ses chiffres."
    if len(uai) == 7 and uai.isascii() and uai.isdigit():  # noqa: PLR2004 - a UAI has seven digits
        return f"Il manque à l'UAI « {uai} » sa dernière lettre."
    return f"« {text.strip()} » n'est pas un UAI (sept chiffres et une lettre, par exemple 0123456S)."


def _is_in_a_departement(uai: str) -> bool:
    """Tell whether the first three digits are those of metropolitan France or, 099, of schools abroad.

    Asked of repaired UAI alone. Corsica and overseas begin with 6, 7 or 9 and so never lose a zero.
    """
    return 1 <= int(uai[:3]) <= 95 or uai[:3] == "099"  # noqa: PLR2004 - 095: Val-d'Oise, the last of them
