"""Words of pupils' logins and passwords, typed by six-year-olds: generated, parsed, drawn, and found mistyped.

A login is the pupil's own word, an animal, and the code of the class: `leopard-harpe-2894`. A password is three words:
`bateau-foret-ecole`. All are short French nouns, inoffensive even when combined; within a list their edit distance is
at least 2, so that a typing mistake never gives a classmate's word. They are stored, hashed and compared without
accents; people are shown their spelling, `léopard-harpe-2894`. Pure.
"""

import difflib
import re
import secrets
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.views.decorators.debug import sensitive_variables

_FOLDER = Path(__file__).parent / "wordlists"
#: Without 0, which looks like a letter.
_DIGITS = "123456789"
_CODE_DIGITS = 4
_PASSWORD_WORDS = 3
#: Longer input is truncated before parsing.
_MAX_LENGTH = 80
_draw = secrets.SystemRandom()


@cache
def list_words(name: str) -> tuple[str, ...]:
    """Return a list without accents.

    That of pupils has animals, that of classes the flowers, fruits and things with which class codes begin; three of
    the words of passwords give more than 27 bits.
    """
    return tuple(_load_words(name))


def spell(text: str) -> str:
    """Return a word, a class code, a login or a password with its accents: `léopard-forêt-2894`.

    `text`: as stored, words joined by hyphens; what is not in the lists stays as it is.
    """
    return "-".join(_spellings().get(word, word) for word in text.split("-"))


def generate_code() -> str:
    """Return a random class code, `tulipe-5837`, which may already be taken."""
    return f"{secrets.choice(list_words('classes'))}-{''.join(secrets.choice(_DIGITS) for _ in range(_CODE_DIGITS))}"


def generate_pupil_words(count: int, *, exclude: Collection[str]) -> list[str]:
    """Return `count` distinct words other than `exclude`; fewer where too few are left."""
    left = [word for word in list_words("pupils") if word not in exclude]
    return _draw.sample(left, min(count, len(left)))


def generate_password() -> str:
    """Return three distinct words: `bateau-soleil-pomme`."""
    return "-".join(_draw.sample(list_words("passwords"), _PASSWORD_WORDS))


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


_DRAWINGS = Path(__file__).parent / "static" / "classes" / "animals"


@cache
def read_drawing(word: str) -> str:
    """Return the SVG of a pupil's word, without accents; an empty string for any other word."""
    if word not in list_words("pupils"):
        return ""
    return (_DRAWINGS / f"{word}.svg").read_text(encoding="utf-8").strip()


# What a child typed wrongly, as far as the lists of words tell it: which field, which word, where on the card.
#
# Found in the text alone, never in what exists. The lists are public, so whoever reads that an animal or a word is
# not in them learns nothing of any pupil; what is well formed is answered alike, whether or not somebody has it.
# Pure.

#: Longer words are shown cut.
_SHOWN = 20
_LOOK = "Regarde ta carte."


class SignInMistake(NamedTuple):
    """A field of the sign-in page, `login` or `password`, and a sentence for a child of seven."""

    field: str
    sentence: str


@sensitive_variables("password", "mistakes")
def find_mistakes(login: str, password: str) -> list[SignInMistake]:
    """Return at most one mistake for each field; an empty list where both are well formed, right or wrong."""
    mistakes = (
        SignInMistake("login", _find_in_login(login)),
        SignInMistake("password", _find_in_password(password)),
    )
    return [mistake for mistake in mistakes if mistake.sentence]


def _find_in_login(text: str) -> str:
    if parse_login(text) is not None:
        return ""
    folded = fold(text)
    typed = re.findall(r"[a-z]+", re.split(r"[0-9]", folded)[0])
    return _find_in_words(typed, _map_to_typed(text)) or _find_in_number(re.sub(r"[^0-9]", "", folded))


def _find_in_words(typed: list[str], as_typed: Mapping[str, str]) -> str:
    """Return what is wrong with what stands before the number: an animal, and a word of the class."""
    if not typed:
        return f"Il manque ton animal, au début de ton identifiant. {_LOOK}"
    animals, things = list_words("pupils"), list_words("classes")
    # Written without spaces, the longest animal counts: « lionceau » before « lion ».
    animal = typed[0] if len(typed) > 1 else max(filter(typed[0].startswith, animals), key=len, default="")
    if animal not in animals:
        return f"Je ne connais pas l’animal «\xa0{_cut(typed[0], as_typed)}\xa0».{_suggest(typed[0], animals)} {_LOOK}"
    thing = "".join(typed).removeprefix(animal)
    if not thing:
        return f"Il manque le mot qui suit «\xa0{spell(animal)}\xa0». {_LOOK}"
    if thing not in things:
        return f"Je ne connais pas le mot «\xa0{_cut(thing, as_typed)}\xa0».{_suggest(thing, things)} {_LOOK}"
    return ""


def _find_in_number(digits: str) -> str:
    if not digits:
        return f"Il manque le nombre, à la fin de ton identifiant. {_LOOK}"
    if len(digits) != _CODE_DIGITS:
        return f"Le nombre a 4\xa0chiffres. Tu en as écrit {len(digits)}. {_LOOK}"
    return f"Le nombre vient à la fin, après l’animal et le mot. {_LOOK}"


@sensitive_variables()
def _find_in_password(text: str) -> str:
    listed = frozenset(list_words("passwords"))
    folded = fold(text)
    typed = re.findall(r"[a-z]+", folded)
    if re.search(r"[0-9]", folded):
        return f"Il n’y a pas de chiffre dans ton mot de passe : c’est trois mots. {_LOOK}"
    if _can_be_split("".join(typed), listed, _PASSWORD_WORDS):
        return ""
    unknown = [word for word in typed if word not in listed]
    if unknown and len(typed) > 1:
        shown = _cut(unknown[0], _map_to_typed(text))
        return f"Je ne connais pas le mot «\xa0{shown}\xa0».{_suggest(unknown[0], listed)} {_LOOK}"
    if unknown:
        return f"Ton mot de passe a 3\xa0mots. Écris-les avec un espace entre les mots. {_LOOK}"
    return f"Ton mot de passe a 3\xa0mots. Tu en as écrit {len(typed)}. {_LOOK}"


def _can_be_split(letters: str, listed: Collection[str], count: int) -> bool:
    """Return whether the letters are `count` listed words, written with or without spaces."""
    if count == 0:
        return not letters
    return any(
        _can_be_split(letters[end:], listed, count - 1) for end in range(1, len(letters) + 1) if letters[:end] in listed
    )


def _suggest(word: str, listed: Collection[str]) -> str:
    """Return « Est-ce « léopard » ? » where one word of the list is close; else an empty string."""
    close = difflib.get_close_matches(word, sorted(listed), n=1, cutoff=0.75)
    return f" Est-ce «\xa0{spell(close[0])}\xa0»\xa0?" if close else ""


@sensitive_variables()
def _map_to_typed(text: str) -> dict[str, str]:
    """Return the words as they were typed, by the same without capitals and accents."""
    return {fold(word): word for word in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text))}


@sensitive_variables()
def _cut(word: str, as_typed: Mapping[str, str]) -> str:
    shown = as_typed.get(word, word)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
