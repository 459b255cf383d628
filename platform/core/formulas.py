"""Texts that a spreadsheet program would take for formulas, whoever typed them."""

import re
import unicodedata

_FIRST_LETTERS = frozenset("=+-@")
#: « -12,50 » is a number, and stays one.
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def begins_formula(text: str) -> bool:
    """Return whether a spreadsheet program may take a text for a formula: also after spaces, also in wide letters."""
    stripped = text.strip()
    return len(stripped) > 1 and unicodedata.normalize("NFKC", stripped[0])[0] in _FIRST_LETTERS


def quote_formula(text: str) -> str:
    """Return a field of a text file, CSV or tab-separated: with an apostrophe before what would be a formula.

    Such a file says nothing of types: the apostrophe is all that keeps the text a text. Numbers stay as they are.
    """
    return f"'{text}" if begins_formula(text) and not _NUMBER.fullmatch(text) else text
