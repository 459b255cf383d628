"""Numbers, counts, money and dates as French readers expect them. Pure."""

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
    """Return 12345 as « 12 345 », with narrow spaces that do not break."""
    return f"{value:,}".replace(",", NARROW_SPACE)


def decimal(value: Decimal, places: int = 2) -> str:
    """Return « 1 199,00 », with so many decimals; whoever has finer ones has rounded them himself."""
    text = f"{value:,.{places}f}".replace(",", NARROW_SPACE).replace(".", ",")
    return text.replace("-", MINUS)


def euros(amount: Decimal) -> str:
    """Return « 1 199,00 € »; what goes back is « −199,00 € »."""
    return f"{decimal(amount)}{NO_BREAK_SPACE}€"


def per_cent(rate: Decimal) -> str:
    """Return « 20 % », « 5,5 % »."""
    return f"{f'{rate.normalize():f}'.replace('.', ',')}{NO_BREAK_SPACE}%"


def plural(count: int, singular: str, plural_form: str = "") -> str:
    """Return « 1 licence », « 3 licences »: in French, 0 and 1 are singular. The number does not part from its noun."""
    noun = singular if abs(count) <= 1 else plural_form or f"{singular}s"
    return f"{number(count)}{NO_BREAK_SPACE}{noun}"


def day(value: datetime.date) -> str:
    """Return « 31 août 2027 », « 1er septembre 2026 »."""
    return f"{'1er' if value.day == 1 else value.day}{NO_BREAK_SPACE}{MONTHS[value.month - 1]} {value.year}"


_BEFORE = re.compile(r" (?=[:;!?»])")
_AFTER = re.compile(r"(?<=«) ")


def spaced(sentence: str) -> str:
    """Return the sentence with spaces that do not break before : ; ! ? » and after «."""
    return _AFTER.sub(NO_BREAK_SPACE, _BEFORE.sub(NO_BREAK_SPACE, sentence))


def short_day(value: datetime.date) -> str:
    """Return « 31/08/2027 », as order lines and columns have it."""
    return f"{value:%d/%m/%Y}"


def enumeration(words: Sequence[str]) -> str:
    """Return « a », « a et b », « a, b et c »."""
    return " et ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
