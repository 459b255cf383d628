"""What a title says of the numbers below it: what they count, and which part of it. Pure."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from imports.meanings import Meaning
from imports.parsing.column_titles import Title, match_meanings, title_words
from imports.parsing.title_patterns import NON_COUNT_WORDS
from imports.parsing.title_vocabulary import ALIASES, STOP_WORDS, UNRELATED_WORDS, split_words
from schools.folding import fold

_LICENCE_WORDS = split_words("licence abonnement")
#: Words that say that something is counted, and not which part of it.
_COUNT_WORDS = _LICENCE_WORDS | split_words("classe cle nombre quantite volume")
_TOTAL_WORDS = split_words(
    "total totaux tot ensemble global globale general generale somme cumul toute toutes tous tout"
)
_GRANTED = re.compile(r"\b(accord|attribu|affect|octroy|notifi|retenu|valid(e|ee|es|ees)\b|dotation)")
_REQUESTED = re.compile(r"\b(demand|souhait|voeu|besoin|previs|prevu|propos|sollicit|command)")
_PAST = re.compile(r"\b(deja|actuel|existant|ancien|utilise|active|precedent|dernier)")
_YEAR = re.compile(r"\b(20[0-9]{2})\b")
_ORDINAL = re.compile(r"\b(souhait|voeu|choix|demande)s? (n )?[0-9]\b")
_NURSERY = re.compile(r"tps|ps|ms|gs|maternelles?|mat(er)?|petite|grande|cycle1|c1")
_ELEMENTARY = re.compile(r"cp|ce[12]?|cm[12]?|elementaires?|elem|preparatoire|cycle[23]|c[23]")
_OTHER_LEVEL = re.compile(
    r"ulis|segpa|upe2a|[3-6](e|eme)|2n?de|1e?re|tle|terminale|seconde|premiere|sixieme|cinquieme|quatrieme|troisieme|"
    r"cycle4|c4|cours|section|moyenne?|niveau|primaires?"
)
_CYCLE = re.compile(r"\b(?:cycle|cyc) ?([1-4]|i{1,3}|iv)\b")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}


class Part(Enum):
    """Which part of what is counted a column holds."""

    #: All of it: « Nombre de licences », « Total ».
    WHOLE = "whole"
    #: One or more levels of a school: « CP », « Cycle 2 », « Maternelle ».
    LEVEL = "level"
    GRANTED = "granted"
    REQUESTED = "requested"
    YEAR = "year"
    #: « Licences déjà attribuées ».
    PAST = "past"
    OTHER = "other"


class NumberTitle(NamedTuple):
    """What the numbers below a title count. `counted`: licences, classes, or None for anything else."""

    counted: Meaning | None
    part: Part
    #: « nursery », « elementary » or "": the stage of a level.
    stage: str = ""
    #: Whether the level is a whole stage or cycle, which has several levels.
    is_cycle: bool = False
    year: int = 0


def is_level(text: str) -> bool:
    """Whether a text names levels of a school and nothing else."""
    tokens = _level_tokens(fold(text))
    return bool(tokens) and all(map(_is_level_token, tokens))


@lru_cache(maxsize=4096)
def describe_number_title(title: Title) -> NumberTitle:
    """Return what the numbers below a title count."""
    rest = fold(title.child or title.text or title.parent)
    tokens = [
        token
        for token in _level_tokens(rest)
        if ALIASES.get(token, token) not in _COUNT_WORDS and ALIASES.get(token.rstrip("s"), token) not in _COUNT_WORDS
    ]
    part = _find_part(rest, tokens)
    return NumberTitle(
        _find_counted(title.text or title.parent),
        part,
        _find_stage(tokens) if part is Part.LEVEL else "",
        any(token.startswith(("cycle", "mat", "elem", "primaire")) for token in tokens),
        max(map(int, _YEAR.findall(rest)), default=0),
    )


def _find_part(rest: str, tokens: list[str]) -> Part:
    patterns = {Part.PAST: _PAST, Part.GRANTED: _GRANTED, Part.REQUESTED: _REQUESTED, Part.YEAR: _YEAR}
    for part, pattern in patterns.items():
        if pattern.search(rest):
            return part
    if all(ALIASES.get(token, token) in _TOTAL_WORDS for token in tokens):
        return Part.WHOLE
    return Part.LEVEL if all(map(_is_level_token, tokens)) else Part.OTHER


def is_generic(title: Title) -> bool:
    """Whether a title of a number of licences does not name licences: « Nombre », « Total », « Souhait 1 »."""
    return bool(title.text) and _find_counted(title.text) is None


def names_total(title: Title) -> bool:
    """Whether a title says that its numbers are totals: « Total », « Ensemble », « Total des classes »."""
    return bool(set(fold(title.text).split()) & _TOTAL_WORDS)


def is_ranked_wish(title: Title) -> bool:
    """Whether a title numbers wishes: « Souhait 1 » is the first wish, and not a number of wishes."""
    return _ORDINAL.search(fold(title.text)) is not None


def is_about_pupils(title: Title) -> bool:
    """Whether a title counts pupils."""
    return bool(set(title_words(title.text)) & split_words("eleve fille garcon effectif"))


def may_be_number_of(meaning: Meaning, title: Title) -> bool:
    """Whether the title above several columns counts this, and nothing else."""
    counted = _find_counted(title.text)
    return counted is meaning or (counted is None and meaning is Meaning.UNITS and meaning in match_meanings(title))


@lru_cache(maxsize=4096)
def _find_counted(text: str) -> Meaning | None:
    words = set(title_words(text))
    if words & (NON_COUNT_WORDS - {"eleve"}) or words & (UNRELATED_WORDS - {"eleve", "annee"}):
        return None
    if words & _LICENCE_WORDS:
        return Meaning.UNITS
    return Meaning.CLASSES if "classe" in words and "eleve" not in words else None


def _level_tokens(folded: str) -> list[str]:
    joined = _CYCLE.sub(lambda match: f"cycle{_ROMAN.get(match[1], match[1])}", folded)
    return [word for word in joined.split() if word not in STOP_WORDS]


def _is_level_token(token: str) -> bool:
    return any(pattern.fullmatch(token) for pattern in (_NURSERY, _ELEMENTARY, _OTHER_LEVEL))


def _find_stage(tokens: list[str]) -> str:
    if all(map(_NURSERY.fullmatch, tokens)):
        return "nursery"
    return "elementary" if all(map(_ELEMENTARY.fullmatch, tokens)) else ""
