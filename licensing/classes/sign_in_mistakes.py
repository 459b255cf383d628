"""What a child typed wrongly, as far as the lists of words tell it: which field, which word, where on the card.

Found in the text alone, never in what exists. The lists are public, so whoever reads that an animal or a word is not in
them learns nothing of any pupil; what is well formed is answered alike, whether or not somebody has it. Pure.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import NamedTuple

from django.views.decorators.debug import sensitive_variables

from licensing.classes import words

#: Longer words are shown cut.
_SHOWN = 20
_DIGITS_OF_LOGIN = 4
_WORDS = 3
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
    if words.parse_login(text) is not None:
        return ""
    folded = words.fold(text)
    typed = re.findall(r"[a-z]+", re.split(r"[0-9]", folded)[0])
    return _find_in_words(typed, _map_to_typed(text)) or _find_in_number(re.sub(r"[^0-9]", "", folded))


def _find_in_words(typed: list[str], as_typed: Mapping[str, str]) -> str:
    """Return what is wrong with what stands before the number: an animal, and a word of the class."""
    if not typed:
        return f"Il manque ton animal, au début de ton identifiant. {_LOOK}"
    animals, things = words.list_pupil_words(), words.list_class_words()
    # Written without spaces, the longest animal counts: « lionceau » before « lion ».
    animal = typed[0] if len(typed) > 1 else max(filter(typed[0].startswith, animals), key=len, default="")
    if animal not in animals:
        return f"Je ne connais pas l’animal «\xa0{_cut(typed[0], as_typed)}\xa0».{_suggest(typed[0], animals)} {_LOOK}"
    thing = "".join(typed).removeprefix(animal)
    if not thing:
        return f"Il manque le mot qui suit «\xa0{words.spell(animal)}\xa0». {_LOOK}"
    if thing not in things:
        return f"Je ne connais pas le mot «\xa0{_cut(thing, as_typed)}\xa0».{_suggest(thing, things)} {_LOOK}"
    return ""


def _find_in_number(digits: str) -> str:
    if not digits:
        return f"Il manque le nombre, à la fin de ton identifiant. {_LOOK}"
    if len(digits) != _DIGITS_OF_LOGIN:
        return f"Le nombre a 4\xa0chiffres. Tu en as écrit {len(digits)}. {_LOOK}"
    return f"Le nombre vient à la fin, après l’animal et le mot. {_LOOK}"


@sensitive_variables()
def _find_in_password(text: str) -> str:
    listed = frozenset(words.list_password_words())
    folded = words.fold(text)
    typed = re.findall(r"[a-z]+", folded)
    if re.search(r"[0-9]", folded):
        return f"Il n’y a pas de chiffre dans ton mot de passe : c’est trois mots. {_LOOK}"
    if _can_be_split("".join(typed), listed, _WORDS):
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
    return f" Est-ce «\xa0{words.spell(close[0])}\xa0»\xa0?" if close else ""


@sensitive_variables()
def _map_to_typed(text: str) -> dict[str, str]:
    """Return the words as they were typed, by the same without capitals and accents."""
    return {words.fold(word): word for word in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text))}


@sensitive_variables()
def _cut(word: str, as_typed: Mapping[str, str]) -> str:
    shown = as_typed.get(word, word)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
