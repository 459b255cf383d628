"""Columns and texts that describe schools, and say nothing of taking part. Pure."""

import re
from collections.abc import Collection
from functools import lru_cache

from imports.answers import AGAINST, read_answer
from imports.cells import CellType
from imports.parsing.cell_classification import classify_cell, match_commune
from imports.parsing.column_titles import is_level
from imports.title_patterns import (
    ALIASES,
    COUNTED_WORDS,
    DESCRIBING_WORDS,
    FLAG_WORDS,
    GENERIC_WORDS,
    PLAIN_WORDS,
    STOP_WORDS,
    split_words,
)
from schools.folding import fold

#: What official lists say of schools under « etat ».
DIRECTORY_STATES = frozenset({"ouvert", "a-ouvrir", "a-fermer"})
#: Subjects of consents and services, whatever else the title says.
_OTHER_SUBJECT = re.compile(r"\b(rgpd|donnees|images?|photos?|newsletter|cantine|restauration|rep|ulis|segpa|fibre)\b")


@lru_cache(maxsize=4096)
def is_harmless_title(title: str, *, with_ticks: bool = False) -> bool:
    """Whether a title is known to describe a school, or to be about another subject than taking part.

    `with_ticks`: whether yes and no stand below it, which say something of a school under fewer titles.
    """
    folded, words = fold(title), _list_words(fold(title))
    if _OTHER_SUBJECT.search(folded) or is_level(title):
        return True
    is_known = bool(words - GENERIC_WORDS) and words <= DESCRIBING_WORDS | GENERIC_WORDS
    return is_known and (not with_ticks or bool(words & FLAG_WORDS))


@lru_cache(maxsize=4096)
def counts_something(title: str) -> bool:
    """Whether a title says that the numbers below it count something, or says nothing of them."""
    folded = fold(title)
    return not title or bool(_list_words(folded) & COUNTED_WORDS) or folded.startswith("dont ") or is_level(title)


def _list_words(folded: str) -> frozenset[str]:
    """Return the canonical words of a title, in the singular, without those that say nothing by themselves."""
    words = []
    for word in folded.split():
        plain = ALIASES.get(word) or ALIASES.get(word.rstrip("s")) or word
        known = plain if plain in DESCRIBING_WORDS | GENERIC_WORDS else plain.removesuffix("s")
        if word not in STOP_WORDS and not (word.isdecimal() and len(word) == 1):
            words.append(known)
    return frozenset(words)


#: First letters of the words of titles below which « oui » or a cross gives.
_GIVING = re.compile(
    r"particip|reten|valid|ok$|go$|vu|accord|avis?$|decision|arbitrage|choix|select|pris?$|reponse|retour|souhait|interes"
    r"|volontaire|engag|inscri|adhe|convention|sign|recondu|renouv|poursui|continu|eligib|confirm|concern|commission"
    r"|suite|bon$|budget|visa|feu$|transmi|envo|maintien|prendre|faire$|livrer|equiper|servir|donner|doter|attribuer"
    r"|inclure|garder|traiter|commander|pep$"
)
#: Those that may stand beside them.
_BESIDE = (
    DESCRIBING_WORDS
    | GENERIC_WORDS
    | PLAIN_WORDS
    | split_words("projet offre dispositif elu maire dga dsi compte vert oui non o n t elle")
)
_UNNAMED = re.compile(r"(colonne ?)?[\d ]*")


def speaks_for(title: str) -> bool:
    """Whether « oui » or a cross below a title is a yes; below one with an unknown word nobody can tell."""
    folded = fold(title)
    words = _list_words(folded)
    is_known = all(word.isdecimal() or word in _BESIDE or _GIVING.match(word) for word in words)
    return _UNNAMED.fullmatch(folded) is not None or (is_known and any(map(_GIVING.match, words)))


_DESCRIPTIVE = re.compile(
    r"(secteur )?(public|privee?|publique)( sous contrat.*| hors contrat.*)?|sans objet|pub?|pri?v?|(e )?[emp] p[ur]"
    r"|((sous|hors) )?contrat( .*)?|(hors )?r?ep|hep|\d( 5)? jours?"
    r"|(lundi|mardi|mercredi|jeudi|vendredi|samedi)( (matin|midi|apres midi|soir))?"
    r"|(m|mme|mlle|mr|monsieur|madame|dr)( [a-z0-9]+){0,3}|(zone|secteur|circonscription|canton) .*|(https?|www) .*"
    r"|(du|le|depuis le|jusqu au) \d{1,2} \d{1,2}( \d{2,4})?"
    r"|\d{1,2} \d{1,2} \d{2,4}( \d{1,2} \d{2}.*)?|\d{4} \d{1,2} \d{1,2}( \d{1,2} \d{2}.*)?"
    r"|\d{1,4}( bis| ter)? (rue|avenue|av|bd|boulevard|place|chemin|route|allee|impasse|quai|cours) .*"
    r"|(rue|avenue|boulevard|place|chemin|route|allee|impasse|bp|cs|lieu dit) .*"
)
_DESCRIPTIVE_TYPES = (
    CellType.UAI | CellType.DAMAGED_UAI | CellType.EMAIL | CellType.PHONE | CellType.POSTAL_CODE | CellType.POSTAL_TOWN
    | CellType.DEPARTEMENT | CellType.KIND
)  # fmt: skip
#: Digits of a code or a measure: no answer has as many, but for years.
_MIN_CODE_DIGITS = 3
_YEAR = re.compile(r"20\d\d( ?[-/–] ?(20)?\d\d)?")
#: Communes of these names are rarer than lists with lights.
_LIGHTS = frozenset({"vert", "orange", "rouge"})


def is_year(text: str) -> bool:
    """Whether a text is a year, or two of a school year."""
    return _YEAR.fullmatch(text) is not None


def is_descriptive(text: str, communes: frozenset[str]) -> bool:
    """Whether a text describes a school, its place or its contact. `communes`: folded names of known communes."""
    folded = fold(text)
    if (read_answer(text) in AGAINST and folded != "sans objet") or is_year(text) or folded in _LIGHTS:
        return False
    if sum(map(str.isdecimal, text)) >= _MIN_CODE_DIGITS and (" " not in text or not any(map(str.isalpha, text))):
        return True
    types = classify_cell(text)
    if types & CellType.SCHOOL:
        # « Ecole primaire Jules Ferry », and not « école en travaux ».
        return _list_words(" ".join(fold(word) for word in text.split() if not word[0].isupper())) <= DESCRIBING_WORDS
    return bool(
        types & _DESCRIPTIVE_TYPES or _DESCRIPTIVE.fullmatch(folded) or is_level(text) or match_commune(text, communes)
    )


def find_stray_remarks(texts: Collection[str], rows: int, communes: frozenset[str]) -> set[str]:
    """Return the texts of a column of known content that have not its form, and several words of no description.

    « refuse d'être appelé » among telephones, « école désaffectée » among addresses with capitals or digits. `texts`:
    those of the cells that are not empty, of so many `rows`.
    """
    strays = {text for text in texts if text[0].isalpha() and text.islower() and " " in text}
    if sum(text in strays for text in texts) * 2 > rows:
        strays = set()
    numbers = [text for text in texts if any(map(str.isdecimal, text))]
    if sum(sum(map(str.isdecimal, text)) * 2 > len(text.replace(" ", "")) for text in numbers) * 2 > len(texts):
        strays |= set(texts).difference(numbers)
    return {text for text in strays if _says_several_words(text) and not is_descriptive(text, communes)}


def _says_several_words(text: str) -> bool:
    words = _list_words(fold(text))
    return len(words) > 1 and not words <= DESCRIBING_WORDS | GENERIC_WORDS
