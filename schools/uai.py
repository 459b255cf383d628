"""The UAI, the national identifier of schools: seven digits and a check letter.

Pure functions, without queries. User input goes through `normalise`, then `is_valid`; for an invalid one,
`describe_error` returns the French sentence, and `find_similar` the likely intended UAI.
"""

import re
import unicodedata

#: Without I, O and Q, which look like 1 and 0.
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"

WELL_FORMED = re.compile(rf"[0-9]{{7}}[{LETTERS}]")

# Separators: spaces of every width, dashes, dots, underscores, Excel's leading apostrophe.
_BETWEEN = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff\-\u2010-\u2015\u2212._'’\"]+")
# What may stand before a UAI in its cell: « RNE 0300601-R », « UAI : 030 0601 R ».
_LABEL = re.compile(r"(?:(?:CODE|NO?|NUMERO|N°|UAI|RNE|ETAB|ETABLISSEMENT)[:°=/]*)+(?=[0-9])")
# At least five digits: at most two of the three digits of the département are zeros.
_LOST_ZEROS = re.compile(rf"([0-9]{{5,6}})([{LETTERS}])")
_LOOKALIKES = str.maketrans("OIL", "011")
# Characters confused by hand or OCR: for suggestions only, never for repairs.
_MISREAD_DIGITS = str.maketrans("OQDILSBZG", "000115826")
_MISREAD_LETTERS = {"0": "D", "2": "Z", "4": "A", "5": "S", "6": "G", "7": "T", "8": "B"}
# A number saved with decimals: 940176.0.
_DECIMALS = re.compile(r"([0-9]{5,7})[.,]0+")
_DAMAGED = re.compile(r"([0-9]{5,8})([A-Z]?)")
# A UAI within a longer text, as a word of its own: « 0301234X, 0301235Y » or « Jean Jaurès (0301234x) ».
_EMBEDDED = re.compile(r"(?<![0-9A-Za-z])[0-9]{5,7}[ -]?[A-Za-z](?![0-9A-Za-z])")


def check_letter(digits: str) -> str:
    """Return the check letter of seven digits.

    Raises `ValueError` for anything but seven digits.
    """
    if not (len(digits) == 7 and digits.isascii() and digits.isdigit()):  # noqa: PLR2004 - a UAI has seven digits
        raise ValueError(f"Seven digits expected, not {digits!r}.")
    return LETTERS[int(digits) % len(LETTERS)]


def is_valid(uai: str) -> bool:
    """Return whether `uai`, in normal form, is well formed and has the right check letter."""
    return WELL_FORMED.fullmatch(uai) is not None and uai[7] == check_letter(uai[:7])


def normalise(text: str) -> str:
    """Return `text` in the normal form of a UAI: capitals, no separators, leading zeros restored.

    Where no repair is unambiguous, the tidied text is returned: check with `is_valid`.

    - Case, spaces, dashes, dots and full-width characters do not matter.
    - O becomes 0, I and L become 1 among the digits, where the check letter then matches.
    - Lost leading zeros are restored (`311131L` lost one, `10001W` two) where the check letter matches: leading zeros
      do not change the remainder that determines it.

    A missing or wrong check letter is never replaced: it is the only proof of the digits.
    """
    tidied = tidy(text)
    for candidate in (tidied, tidied[:-1].translate(_LOOKALIKES) + tidied[-1:]):
        if is_valid(candidate):
            return candidate
        short = _LOST_ZEROS.fullmatch(candidate)
        if short is not None:
            padded = short[1].zfill(7) + short[2]
            if is_valid(padded) and _is_in_a_departement(padded):
                return padded
    return tidied


def tidy(text: str) -> str:
    """Return `text` in capitals, without separators nor a label before its digits; nothing is repaired."""
    return _LABEL.sub("", _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper(), count=1)


def find_similar(text: str) -> frozenset[str]:
    """Return the valid UAI one edit away from `text`: unproven candidates, most of them of no school.

    Edits: the letter wrong or missing, with or without leading zeros; the letter right, and a digit wrong, missing,
    doubled or swapped with its neighbour; look-alike characters. Empty where there is none.
    """
    decimals = _DECIMALS.fullmatch(text.strip())
    tidied = decimals[1] if decimals else tidy(text)
    readings = {tidied, tidied[:-1].translate(_MISREAD_DIGITS) + tidied[-1:]}
    if tidied[-1:] in _MISREAD_LETTERS and len(tidied) in (7, 8):
        readings.add(tidied[:-1].translate(_MISREAD_DIGITS) + _MISREAD_LETTERS[tidied[-1]])
    candidates: set[str] = set()
    for reading in readings:
        match = _DAMAGED.fullmatch(reading)
        if match is not None:
            candidates |= _edits(match[1], match[2])
    return frozenset(candidates - {tidied})


def _edits(digits: str, letter: str) -> set[str]:
    candidates: set[str] = set()
    if len(digits) <= 7:  # noqa: PLR2004 - a UAI has seven digits
        padded = digits.zfill(7)
        candidates.add(padded + check_letter(padded))
    if not letter:
        return candidates
    if len(digits) == 8:  # noqa: PLR2004 - one too many
        others = {digits[:i] + digits[i + 1 :] for i in range(8)}
    elif len(digits) == 7:  # noqa: PLR2004
        others = {digits[:i] + str(digit) + digits[i + 1 :] for i in range(7) for digit in range(10)}
        others |= {digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :] for i in range(6)}
    else:
        short = digits.zfill(6)
        others = {short[:i] + str(digit) + short[i:] for i in range(7) for digit in range(10)}
    return candidates | {other + letter for other in others if check_letter(other) == letter}


def find_all(text: str) -> list[str]:
    """Return the distinct valid UAI in `text`, in order: a cell may contain several."""
    single = normalise(text)
    if is_valid(single):
        return [single]
    candidates = (normalise(match[0]) for match in _EMBEDDED.finditer(unicodedata.normalize("NFKC", text)))
    return list(dict.fromkeys(uai for uai in candidates if is_valid(uai)))


def describe_error(text: str) -> str:
    """Return the French sentence for an invalid UAI; an empty string where it is valid."""
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
    """Return whether the first three digits are of metropolitan France or, 099, of schools abroad.

    For repaired UAI only: Corsica and overseas begin with 6, 7 or 9 and never lose a leading zero.
    """
    return 1 <= int(uai[:3]) <= 95 or uai[:3] == "099"  # noqa: PLR2004 - 095: Val-d'Oise, the last of them
