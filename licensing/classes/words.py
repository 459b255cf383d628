"""Generate and parse pupils' logins and passwords, made of words that six-year-olds can type.

A login is the pupil's own word, an animal, and the code of the class: `leopard-harpe-2894`. A password is three words:
`bateau-foret-ecole`. All are short French nouns, inoffensive even when combined; within a list their edit distance is
at least 2, so that a typing mistake never gives a classmate's word. They are stored, hashed and compared without
accents; people are shown their spelling, `léopard-harpe-2894`. Pure.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Collection
from functools import cache
from pathlib import Path

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
    """Return the animals from which pupils' words are drawn, without accents as all lists here."""
    return tuple(_load_words("pupils"))


@cache
def list_class_words() -> tuple[str, ...]:
    """Return the flowers, fruits and things with which class codes begin."""
    return tuple(_load_words("classes"))


@cache
def list_password_words() -> tuple[str, ...]:
    """Return the words of passwords; three of them give more than 27 bits."""
    return tuple(_load_words("passwords"))


def spell(text: str) -> str:
    """Return a word, a class code, a login or a password with its accents: `léopard-forêt-2894`.

    `text`: as stored, words joined by hyphens; what is not in the lists stays as it is.
    """
    return "-".join(_spellings().get(word, word) for word in text.split("-"))


def generate_code() -> str:
    """Return a random class code, `tulipe-5837`, which may already be taken."""
    return f"{secrets.choice(list_class_words())}-{''.join(secrets.choice(_DIGITS) for _ in range(_CODE_DIGITS))}"


def generate_pupil_words(count: int, *, exclude: Collection[str]) -> list[str]:
    """Return `count` distinct words other than `exclude`; fewer where too few are left."""
    left = [word for word in list_pupil_words() if word not in exclude]
    return _draw.sample(left, min(count, len(left)))


def generate_password() -> str:
    """Return three distinct words: `bateau-soleil-pomme`."""
    return "-".join(_draw.sample(list_password_words(), _PASSWORD_WORDS))


def parse_login(text: str) -> tuple[str, str] | None:
    """Parse a login into the pupil's word and the class code; None where the text cannot be a login.

    Case, accents and separators are ignored: `Lapin Tulipe 5837` and `lapintulipe5837` give
    `("lapin", "tulipe-5837")`.
    """
    parts = re.findall(r"[a-z]+|[0-9]+", fold(text))
    if len(parts) < 2 or not re.fullmatch(rf"[0-9]{{{_CODE_DIGITS}}}", parts[-1]):  # noqa: PLR2004 - letters, digits
        return None
    letters = "".join(parts[:-1])
    for split_at in range(1, len(letters)):
        word, class_word = letters[:split_at], letters[split_at:]
        if word in _load_words("pupils") and class_word in _load_words("classes"):
            return word, f"{class_word}-{parts[-1]}"
    return None


def normalize_password(text: str) -> str:
    """Normalise a password to lower-case letters and digits without accents; may return an empty string."""
    return "".join(re.findall(r"[a-z0-9]", fold(text)))


def parse_password(text: str) -> str | None:
    """Return a password as `generate_password` does; None where the text is not three words of the list with hyphens.

    Case and accents are ignored.
    """
    words = fold(text).split("-")
    is_ours = len(words) == _PASSWORD_WORDS and all(word in _load_words("passwords") for word in words)
    return "-".join(words) if is_ours else None


def fold(text: str) -> str:
    """Return the text in lower case without accents, as words are stored; truncated where it is long."""
    # NFKD does not decompose œ and æ, which auto-correcting keyboards insert.
    text = text[:_MAX_LENGTH].lower().replace("œ", "oe").replace("æ", "ae")
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


@cache
def _load_words(name: str) -> dict[str, str]:
    """Return the spelling of each word of a list, by the word without accents."""
    return {fold(word): word for word in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").split()}


@cache
def _spellings() -> dict[str, str]:
    return _load_words("classes") | _load_words("passwords") | _load_words("pupils")
