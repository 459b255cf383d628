"""What a title says its column holds, however it was abbreviated, misspelt or joined to the title above it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from imports.meanings import Meaning
from imports.reading.title_forms import FORMS, KNOWN, WEAK
from imports.reading.vocabulary import ALIASES, NEVER, NOISE, NOISE_BESIDE_OTHERS
from schools.folding import fold, slips

#: What is longer, or of more words, is a sentence.
LONGEST_TITLE = 60
MOST_WORDS = 9
#: From so many letters on a word may hold two slips; below `SHORT` it is another word rather than a slip.
LONG, SHORT = 9, 4
#: A title with slips is less sure than any without.
MISSPELT = 4

_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Ý])")
#: Words that fold to two: « e-mail », « C.P. », « U.A.I. ».
_PARTED = re.compile(r"\b(?:e mail|c p|u a i|r n e|q t e)\b")
_JOINED = re.compile(
    r"(codes?|num|numero|no|nom|nb|nbre|nombre|libelle|adresse|adr|id|identifiant|tel|qte)"
    r"(uai|rne|postal|ecoles?|etablissements?|etab|licences?|classes?|commune|ville|mail|email|departement)"
)


#: What the cells of a table say as well as its titles.
_SAID_BY_DATA = {Meaning.NAME, Meaning.COMMUNE, Meaning.ADDRESS, Meaning.KIND, Meaning.CONTACT_NAME}


class Title(NamedTuple):
    """The title of a column. `parent`, `child`: the upper and the lower line of a header of two lines."""

    text: str
    parent: str = ""
    child: str = ""


def joined(parent: str, child: str) -> Title:
    """Return the title of a column under two lines: « Contact / Mél »."""
    if parent and child and fold(parent) != fold(child):
        return Title(f"{parent} / {child}", parent, child)
    return Title(child or parent)


@lru_cache(maxsize=4096)
def meanings_of(title: Title) -> dict[Meaning, int]:
    """Return the meanings that a title may say, each with how surely: 0 is the surest.

    Of two lines the lower one is believed first, unless it says nothing by itself (« Nom » under « Directeur »).
    """
    if not title.parent:
        return _said_by(title.text)
    child, both = _words(title.child), f"{title.parent} {title.child}"
    alone = _said_by(title.child)
    if set(child) <= WEAK:
        return _said_by(both) or ({} if is_foreign(Title(both)) else alone)
    if alone and not (is_foreign(Title(title.parent)) and not set(child) & KNOWN["own"]):
        return alone
    if is_foreign(Title(title.child)) or is_foreign(Title(title.parent)):
        return {}
    return _said_by(both) or _said_by(title.parent)


def tier(title: str, meaning: Meaning) -> int | None:
    """Return how surely a title says this meaning: 0 is the surest, None that it does not."""
    return _said_by(title).get(meaning)


def recognised(title: str) -> set[Meaning]:
    """Return the meanings that a title may say."""
    return set(_said_by(title))


@lru_cache(maxsize=4096)
def is_foreign(title: Title) -> bool:
    """Tell whether a title says that its column is about something else: a SIRET, pupils, the town hall, a year."""
    words = set(_words(title.text))
    return bool(words & NEVER) and not meanings_of(title)


@lru_cache(maxsize=8192)
def is_title_like(text: str) -> bool:
    """Tell whether a short text is made of nothing but words that stand in titles: « École », never « École Zola »."""
    if len(text) > LONGEST_TITLE or not text:
        return False
    words = _plain_words(text)
    return bool(words) and all(word in KNOWN["all"] for word in words)


@lru_cache(maxsize=8192)
def says_plainly(text: str) -> int:
    """Return how many meanings a text says without any slip, one more where it is foreign to all; 0 for most cells."""
    if not text or len(text) > LONGEST_TITLE:
        return 0
    words = _plain_words(text)
    if len(words) > MOST_WORDS or not any(word in KNOWN["all"] for word in words):
        return 0
    found = _read(words)
    if not found:
        return int(bool(set(words) & NEVER))
    # « École Zola » says « name » as much as « École » does: where other words stand beside, it may be a school's.
    return len(found) if not found.keys() <= _SAID_BY_DATA or all(word in KNOWN["all"] for word in words) else 0


@lru_cache(maxsize=4096)
def _said_by(text: str) -> dict[Meaning, int]:
    words = _words(text)
    found = _read(words)
    if words == _plain_words(text):
        return found
    return {meaning: number + MISSPELT for meaning, number in found.items()}


def _read(words: tuple[str, ...]) -> dict[Meaning, int]:
    present = set(words)
    if not present:
        return {}
    found = {}
    for meaning, forms in FORMS.items():
        for number, form in enumerate(forms):
            if form.fits(words, present):
                found[meaning] = number
                break
    return found


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    """Return the words of a title, abbreviations written out, slips put right, noise left out."""
    return tuple(_nearest(word) for word in _plain_words(text))


@lru_cache(maxsize=8192)
def _plain_words(text: str) -> tuple[str, ...]:
    folded = _PARTED.sub(lambda match: match[0].replace("e ", "").replace(" ", ""), fold(_CAMEL.sub(" ", text)))
    found: list[str] = []
    for written in folded.split():
        pair = _JOINED.fullmatch(written)
        for word in pair.groups() if pair else (written,):
            plain = ALIASES.get(word) or ALIASES.get(word.rstrip("s"), word)
            if plain in KNOWN["all"]:
                found.append(plain)
            elif not (plain in NOISE or (plain.isdecimal() and (plain == "1" or len(plain) == 4))):  # noqa: PLR2004 - a year
                found.append(_singular(plain))
    others = [word for word in found if word not in NOISE_BESIDE_OTHERS]
    return tuple(others or found)


def _singular(word: str) -> str:
    for ending in ("es", "s", "e"):
        bare = word.removesuffix(ending)
        if len(bare) > 3 and bare != word and bare in KNOWN["all"]:  # noqa: PLR2004
            return bare
    return word


@lru_cache(maxsize=8192)
def _nearest(word: str) -> str:
    """Return the known word that this one misspells; itself where there is none, or where two are as near."""
    if word in KNOWN["all"] or len(word) < SHORT or not word.isalpha():
        return word
    most = 2 if len(word) >= LONG else 1
    letters = set(word)
    best: dict[str, int] = {}
    for known in KNOWN["spelt"]:
        # Cheap refusals first: the distance itself is dear.
        if abs(len(known) - len(word)) <= most and len(letters ^ set(known)) <= 2 * most:
            distance = slips(word, known)
            if distance <= most:
                best[ALIASES.get(known, known)] = min(distance, best.get(ALIASES.get(known, known), most))
    least = min(best.values(), default=0)
    nearest = [known for known, distance in best.items() if distance == least]
    return nearest[0] if len(nearest) == 1 else word
