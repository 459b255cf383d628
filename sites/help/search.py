"""Search of the frequent questions and of the guides' headings, by any of the words typed. Pure.

Accents, capitals, plurals and endings of verbs do not count; a word of three letters or more finds those that begin
with it. A word in a title counts three times as much as one in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.formatting import fold

_TITLE_WEIGHT = 3
#: A shorter word finds itself only: « mi » of « mi-temps » is not « mise ».
_MIN_PREFIX = 3
_WORD = re.compile(r"[a-z0-9]+")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ements?|ers?|ez|ees?|es?|s|(?<=[ae]u)x)$")
_DOUBLE_LETTER = re.compile(r"([a-z])\1")
_SMALL_WORDS = (
    "a ai ait alors au aux avec c ca ce ces cet cette comment d dans de des dois doit donc du elle elles en est et "
    "etre eu faire fait faut il ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne nos notre nous on "
    "ont ou par pas peut peux plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans se ses "
    "si son sont sur t ta te tes toi ton tu un une veux vos votre vous y"
)
_IGNORED = frozenset(_SMALL_WORDS.split())


class SearchableText(NamedTuple):
    """The stems of a title and of the text below it."""

    title: frozenset[str]
    body: frozenset[str]


def make_searchable(title: str, body: str = "") -> SearchableText:
    """Return a title and the text below it as `score` reads them."""
    return SearchableText(frozenset(_list_stems(title)), frozenset(_list_stems(body)))


def read_search(search: str) -> list[str]:
    """Return the stems of the words of a search, without small words unless it has no others."""
    words = _WORD.findall(fold(search))
    return [_stem(word) for word in dict.fromkeys([word for word in words if word not in _IGNORED] or words)]


def score(text: SearchableText, stems: Sequence[str]) -> int:
    """Return how well a text answers a search; 0 if it has none of its words."""
    return sum(_TITLE_WEIGHT if _has(text.title, stem) else int(_has(text.body, stem)) for stem in stems)


def keep_best[Item](scored: Iterable[tuple[int, Item]]) -> list[Item]:
    """Return what answers a search best first, without what is half as good or less; the order is kept among equals."""
    ordered = sorted((one for one in scored if one[0]), key=lambda one: -one[0])
    return [item for points, item in ordered if 2 * points > ordered[0][0]]


def _has(stems: frozenset[str], searched: str) -> bool:
    if len(searched) < _MIN_PREFIX:
        return searched in stems
    return any(stem.startswith(searched) for stem in stems)


def _list_stems(text: str) -> list[str]:
    return [_stem(word) for word in _WORD.findall(fold(text))]


def _stem(word: str) -> str:
    """Return a word without its ending: « renouveler » and « renouvellement » are both « renouvel »."""
    return _DOUBLE_LETTER.sub(r"\1", _ENDING.sub("", word))
