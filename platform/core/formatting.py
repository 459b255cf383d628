"""French formatting of numbers, amounts, dates and punctuation. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence
    from decimal import Decimal

NARROW_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"

MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


def number(value: int) -> str:
    """Return 12345 as « 12 345 », with narrow non-breaking spaces."""
    return f"{value:,}".replace(",", NARROW_SPACE)


def decimal(value: Decimal, places: int = 2) -> str:
    """Return « 1 199,00 » with `places` decimals; the caller rounds amounts beforehand."""
    text = f"{value:,.{places}f}".replace(",", NARROW_SPACE).replace(".", ",")
    return text.replace("-", MINUS)


def euros(amount: Decimal) -> str:
    """Return « 1 199,00 € »; a negative amount is « −199,00 € »."""
    return f"{decimal(amount)}{NO_BREAK_SPACE}€"


def percent(rate: Decimal) -> str:
    """Return « 20 % », « 5,5 % »."""
    return f"{f'{rate.normalize():f}'.replace('.', ',')}{NO_BREAK_SPACE}%"


def iban(value: str) -> str:
    """Return an IBAN in groups of four, « FR76 3000 6000 … », with non-breaking spaces."""
    return NO_BREAK_SPACE.join(value[start : start + 4] for start in range(0, len(value), 4))


def pluralize(count: int, singular: str, plural_form: str = "") -> str:
    """Return « 1 licence », « 3 licences »: in French, 0 and 1 are singular. The space is non-breaking."""
    noun = singular if abs(count) <= 1 else plural_form or f"{singular}s"
    return f"{number(count)}{NO_BREAK_SPACE}{noun}"


def long_date(value: datetime.date) -> str:
    """Return « 31 août 2027 », « 1er septembre 2026 »."""
    return f"{'1er' if value.day == 1 else value.day}{NO_BREAK_SPACE}{MONTHS[value.month - 1]} {value.year}"


_SPACE_BEFORE_PUNCTUATION = re.compile(r" (?=[:;!?»])")
_SPACE_AFTER_QUOTE = re.compile(r"(?<=«) ")


def add_nonbreaking_spaces(sentence: str) -> str:
    """Return the sentence with non-breaking spaces before : ; ! ? » and after «."""
    return _SPACE_AFTER_QUOTE.sub(NO_BREAK_SPACE, _SPACE_BEFORE_PUNCTUATION.sub(NO_BREAK_SPACE, sentence))


def short_date(value: datetime.date) -> str:
    """Return « 31/08/2027 », for tables and order lines."""
    return f"{value:%d/%m/%Y}"


def join_words(words: Sequence[str]) -> str:
    """Return « a », « a et b », « a, b et c »."""
    return " et ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
