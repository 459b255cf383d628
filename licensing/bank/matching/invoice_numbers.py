"""What lines are compared with: owed orders, those whose invoice a line names, and payments recorded by hand.

Invoice, SIRET and SIREN numbers are read in what banks write: glued to other words, or cut at the end of a line.
"""

from __future__ import annotations

import re

from licensing.billing.invoice_search import drop_other_series, find_numbers

#: Written in full, a number is told even where a word is glued to it: « FACTP2026000010 ».
_GLUED = re.compile(r"p(20[0-9]{2})[\s/._-]?(0[0-9]{5})(?![0-9])", re.IGNORECASE)
#: Cut in two by a line's end: « P2026-0000 10 ».
_CUT = re.compile(r"\bp(20[0-9]{2})[\s/._-]?(0[0-9]{0,4}) ([0-9]{1,5})(?![0-9])", re.IGNORECASE)
_FULL_LENGTH = 6
_SIREN = re.compile(r"(?<![0-9])[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}(?![0-9])")
_SIRET = re.compile(r"(?<![0-9])[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{5}(?![0-9])")


def find_invoice_numbers(text: str) -> list[tuple[int, int]]:
    """Return year and sequence of each invoice number in a line's text, each once."""
    text = drop_other_series(text)
    cut = [
        (int(match[1]), int(match[2] + match[3]))
        for match in _CUT.finditer(text)
        if len(match[2] + match[3]) == _FULL_LENGTH
    ]
    rest = _CUT.sub(lambda match: " " if len(match[2] + match[3]) == _FULL_LENGTH else match[0], text)
    glued = [(int(match[1]), int(match[2])) for match in _GLUED.finditer(rest)]
    return list(dict.fromkeys(number for number in [*find_numbers(rest), *glued, *cut] if number[1]))


def find_registration_numbers(text: str) -> set[str]:
    """Return what may be a SIRET or a SIREN in a line's text: 14 or 9 digits, in groups or not."""
    return {re.sub(r"[ .]", "", match) for pattern in (_SIRET, _SIREN) for match in pattern.findall(text)}
