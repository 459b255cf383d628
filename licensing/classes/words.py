"""Generate and parse pupils' logins and passwords, made of words that six-year-olds can type.

A login is the pupil's own word, an animal, and the code of the class: `lapin-tulipe-5837`. A password is three words:
`bateau-soleil-pomme`. All are short French nouns without accents, inoffensive even when combined; within a list their
edit distance is at least 2, so that a typing mistake never gives a classmate's word. Pure.
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

_FOLDER = Path(__file__).parent / "wordlists"
#: Without 0, which looks like a letter.
_DIGITS = "123456789"
_CODE_DIGITS = 4
_PASSWORD_WORDS = 3
#: Longer input is truncated before parsing.
_MAX_LENGTH = 80
_draw = secrets.SystemRandom()


@cache
def list_pupil_words() -> tuple[str, ...]:
    """Return the animals from which pupils' words are drawn."""
    return _load_words("pupils")


@cache
def list_class_words() -> tuple[str, ...]:
    """Return the flowers, fruits and things with which class codes begin."""
    return _load_words("classes")


@cache
def list_password_words() -> tuple[str, ...]:
    """Return the words of passwords; three of them give more than 27 bits."""
    return _load_words("passwords")


def generate_code() -> str:
    """Return a random class code, `tulipe-5837`, which may already be taken."""
    return f"{secrets.choice(list_class_words())}-{''.join(secrets.choice(_DIGITS) for _ in range(_CODE_DIGITS))}"


def generate_pupil_words(count: int, *, exclude: Collection[str]) -> list[str]:
    """Return `count` distinct words other than `exclude`. Raises `ValueError` where too few are left."""
    return _draw.sample([word for word in list_pupil_words() if word not in exclude], count)


def generate_password() -> str:
    """Return three distinct words: `bateau-soleil-pomme`."""
    return "-".join(_draw.sample(list_password_words(), _PASSWORD_WORDS))


def parse_login(text: str) -> tuple[str, str] | None:
    """Parse a login into the pupil's word and the class code; None where the text cannot be a login.

    Case, accents and separators are ignored: `Lapin Tulipe 5837` and `lapintulipe5837` give
    `("lapin", "tulipe-5837")`.
    """
    parts = re.findall(r"[a-z]+|[0-9]+", _normalize(text))
    if len(parts) < 2 or not re.fullmatch(rf"[0-9]{{{_CODE_DIGITS}}}", parts[-1]):  # noqa: PLR2004 - letters, digits
        return None
    letters = "".join(parts[:-1])
    for split_at in range(1, len(letters)):
        word, class_word = letters[:split_at], letters[split_at:]
        if word in _pupils() and class_word in _classes():
            return word, f"{class_word}-{parts[-1]}"
    return None


def normalize_password(text: str) -> str:
    """Normalise a password to lower-case letters and digits without accents; may return an empty string."""
    return "".join(re.findall(r"[a-z0-9]", _normalize(text)))


def is_password(text: str) -> bool:
    """Return whether the text has the form of `generate_password`: three words of the list, joined by hyphens."""
    words = text.split("-")
    return len(words) == _PASSWORD_WORDS and all(word in _passwords() for word in words)


def _normalize(text: str) -> str:
    # NFKD does not decompose œ and æ, which auto-correcting keyboards insert.
    text = text[:_MAX_LENGTH].lower().replace("œ", "oe").replace("æ", "ae")
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


def _load_words(name: str) -> tuple[str, ...]:
    return tuple((_FOLDER / f"{name}.txt").read_text(encoding="ascii").split())


@cache
def _pupils() -> frozenset[str]:
    return frozenset(list_pupil_words())


@cache
def _classes() -> frozenset[str]:
    return frozenset(list_class_words())


@cache
def _passwords() -> frozenset[str]:
    return frozenset(list_password_words())
