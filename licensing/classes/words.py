"""The words that logins and passwords are made of, drawn here and read here as a child of six types them.

A login is a word of the pupil's own, an animal, and the code of his class: `lapin-tulipe-5837`. A password is three
words: `bateau-soleil-pomme`. All are short French nouns without accents, none mocks a child or sounds ill beside
another, and those of one list are apart by two letters at least, so that a slip never names a classmate. Pure.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_LISTS = Path(__file__).parent / "wordlists"
#: No 0, which is read as a letter.
_DIGITS = "123456789"
_CODE_DIGITS = 4
_PASSWORD_WORDS = 3
#: What is longer was not typed by a child: it is not looked at.
_LONGEST = 80
_draw = secrets.SystemRandom()


@cache
def pupils() -> tuple[str, ...]:
    """Return the animals that children of six know, one of which is a pupil's own word in his class."""
    return _list("pupils")


@cache
def classes() -> tuple[str, ...]:
    """Return the flowers, fruits and things that classes' codes begin with."""
    return _list("classes")


@cache
def passwords() -> tuple[str, ...]:
    """Return the words that passwords are made of: three of them are more than 27 bits."""
    return _list("passwords")


def draw_code() -> str:
    """Return a class's code that may be taken already: `tulipe-5837`."""
    return f"{secrets.choice(classes())}-{''.join(secrets.choice(_DIGITS) for _ in range(_CODE_DIGITS))}"


def draw_pupils(count: int, *, besides: Collection[str]) -> list[str]:
    """Return so many words, all different, none of which the class has. Raises `ValueError` where too few are left."""
    return _draw.sample([word for word in pupils() if word not in besides], count)


def draw_password() -> str:
    """Return three words, all different: `bateau-soleil-pomme`."""
    return "-".join(_draw.sample(passwords(), _PASSWORD_WORDS))


def read_login(text: str) -> tuple[str, str] | None:
    """Return the pupil's word and his class's code, or None where the text cannot be a login.

    Capitals, accents and whatever stands between the words do not matter, nor that it is missing: `Lapin Tulipe 5837`
    and `lapintulipe5837` are `("lapin", "tulipe-5837")`.
    """
    parts = re.findall(r"[a-z]+|[0-9]+", _plain(text))
    if len(parts) < 2 or not re.fullmatch(rf"[0-9]{{{_CODE_DIGITS}}}", parts[-1]):  # noqa: PLR2004 - letters, digits
        return None
    letters = "".join(parts[:-1])
    for cut in range(1, len(letters)):
        word, of_class = letters[:cut], letters[cut:]
        if word in _pupils() and of_class in _classes():
            return word, f"{of_class}-{parts[-1]}"
    return None


def read_password(text: str) -> str:
    """Return what is compared of a password: its letters and digits, without capitals and accents. It may be empty."""
    return "".join(re.findall(r"[a-z0-9]", _plain(text)))


def is_password(text: str) -> bool:
    """Whether the text is a password as `draw_password` writes it: three words of the list, with dashes between."""
    words = text.split("-")
    return len(words) == _PASSWORD_WORDS and all(word in _passwords() for word in words)


def _plain(text: str) -> str:
    # Œ and æ have no decomposition; a password of our lists has neither, but a child may be helped by a keyboard.
    text = text[:_LONGEST].lower().replace("œ", "oe").replace("æ", "ae")
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def _list(name: str) -> tuple[str, ...]:
    return tuple((_LISTS / f"{name}.txt").read_text(encoding="ascii").split())


@cache
def _pupils() -> frozenset[str]:
    return frozenset(pupils())


@cache
def _classes() -> frozenset[str]:
    return frozenset(classes())


@cache
def _passwords() -> frozenset[str]:
    return frozenset(passwords())
