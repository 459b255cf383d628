"""Telephone numbers that people type: French ones in their usual form, others as they are. Pure."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

_SEPARATORS = re.compile(r"[\s.\-_/()\u00a0\u202f]+")
_FRENCH = re.compile(r"(?:(?:\+|00)33(?:0)?|0)([1-9]\d{8})", re.ASCII)
#: ITU-T E.164: at most fifteen digits after the plus. Short French numbers have four.
_OTHER = re.compile(r"\+\d{6,15}|3\d{3}", re.ASCII)


def clean_phone(text: str) -> str:
    """Return a number as « 04 66 12 34 56 », one of another country as typed; raises `ValidationError` for none."""
    digits = _SEPARATORS.sub("", text.replace("(0)", ""))
    if french := _FRENCH.fullmatch(digits):
        number = f"0{french[1]}"
        return " ".join(number[start : start + 2] for start in range(0, len(number), 2))
    if _OTHER.fullmatch(digits):
        return text.strip()
    raise ValidationError("Un numéro compte dix chiffres, comme 04 66 12 34 56 ; d'un autre pays, il commence par +.")
