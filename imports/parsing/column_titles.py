"""Match a column title to meanings, and tell what numbers below it count. Pure."""

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from imports.columns import Meaning
from imports.title_patterns import (
    ALIASES,
    AMBIGUOUS_WORDS,
    NON_COUNT_WORDS,
    OPTIONAL_WORDS,
    PLAIN_CLASS_WORDS,
    PLAIN_WORDS,
    STOP_WORDS,
    UNRELATED_WORDS,
    TitlePattern,
    split_words,
)
from schools.folding import edit_distance, fold

#: Longer texts are sentences.
MAX_TITLE_LENGTH = 60
MAX_WORDS = 9
#: From `LONG_WORD` letters on two edits are accepted; below `SHORT_WORD` none.
LONG_WORD, SHORT_WORD = 9, 4
#: Added to the tier of a misspelt title: less certain than any other.
MISSPELLING_PENALTY = 4

_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Ý])")
#: Abbreviations that fold to several words: « e-mail », « C.P. », « U.A.I. ».
_SPLIT_ABBREVIATIONS = re.compile(r"\b(?:e mail|c p|u a i|r n e|q t e)\b")
_COMPOUND_WORD = re.compile(
    r"(codes?|num|numero|no|nom|nb|nbre|nombre|libelle|adresse|adr|id|identifiant|tel|qte)"
    r"(uai|rne|postal|ecoles?|etablissements?|etab|licences?|classes?|commune|ville|mail|email|departement)"
)


def _exclude_unrelated(pattern: TitlePattern, tolerated: frozenset[str]) -> TitlePattern:
    # An unrelated word excludes a match, unless the pattern itself names it.
    named = pattern.allows if pattern.allows is not None else frozenset().union(*pattern.needs)
    return pattern._replace(never=pattern.never | (UNRELATED_WORDS - named - tolerated))


#: Patterns by meaning, the most certain first.
PATTERNS = {
    meaning: tuple(_exclude_unrelated(pattern, meaning.column.tolerates) for pattern in meaning.column.titles)
    for meaning in Meaning
}

_OTHER_WORDS = split_words(
    "national public prive scolaire groupe chef courrier boite lettre complet usuel usage long court academique "
    "professionnel "
    "activation implantation acheminement lieu geographique ligne enseignement cycle standard fixe moyenne ulis choix "
    "raison social sociale statut etat secteur rattachement centre service numerique classement titre village "
    "label taille veille vie cite note notes reste unite"
)
_ALL = (
    frozenset(ALIASES.values())
    | UNRELATED_WORDS
    | _OTHER_WORDS
    | frozenset(
        word for patterns in PATTERNS.values() for pattern in patterns for need in pattern.needs for word in need
    )
)
KNOWN_WORDS = {
    "all": _ALL,
    #: Words that identify a meaning even under an unrelated title.
    "own": split_words("uai licence abonnement classe quantite commune postal ecole etablissement"),
    #: Candidates for correcting a misspelt word: long enough to be distinct.
    "spelt": frozenset(word for word in _ALL | frozenset(ALIASES) if len(word) > 4),  # noqa: PLR2004
}
_MEANINGS_IN_DATA = {meaning for meaning in Meaning if meaning.column.is_in_data}


class Title(NamedTuple):
    """The title of a column. `parent`, `child`: the upper and lower title of two header rows."""

    text: str
    parent: str = ""
    child: str = ""


def join_titles(parent: str, child: str) -> Title:
    """Return the title of a column with two header rows: « Contact / Mél »."""
    if parent and child and fold(parent) != fold(child):
        return Title(f"{parent} / {child}", parent, child)
    return Title(child or parent)


@lru_cache(maxsize=4096)
def match_meanings(title: Title) -> dict[Meaning, int]:
    """Return the meanings that a title matches, each with its tier: 0 is the most certain.

    Of two header rows the lower decides, unless it is ambiguous (« Nom » under « Directeur »).
    """
    if not title.parent:
        return _match_text(title.text)
    child, joined_text = title_words(title.child), f"{title.parent} {title.child}"
    child_only = _match_text(title.child)
    if set(child) <= AMBIGUOUS_WORDS:
        return _match_text(joined_text) or ({} if is_unrelated(Title(joined_text)) else child_only)
    if child_only and not (is_unrelated(Title(title.parent)) and not set(child) & KNOWN_WORDS["own"]):
        return child_only
    if is_unrelated(Title(title.child)) or is_unrelated(Title(title.parent)):
        return {}
    return _match_text(joined_text) or _match_text(title.parent)


_WORD = re.compile(r"[^\W\d_]+")
_FIRST_WORDS = KNOWN_WORDS["all"] | ALIASES.keys()


@lru_cache(maxsize=4096)
def is_unrelated(title: Title) -> bool:
    """Whether a title is about something not imported: a SIRET, pupils, the town hall, a year."""
    words = set(title_words(title.text))
    return bool(words & UNRELATED_WORDS) and not match_meanings(title)


@lru_cache(maxsize=8192)
def is_title_like(text: str) -> bool:
    """Whether a short text consists of title words only: « École », not « École Zola »."""
    if len(text) > MAX_TITLE_LENGTH or not text:
        return False
    words = _plain_words(text)
    return bool(words) and all(word in KNOWN_WORDS["all"] for word in words)


def may_be_title(text: str) -> bool:
    """Whether a text begins with a word of titles: a fast first test, false of most cells."""
    match = _WORD.search(text)
    if match is None:
        return False
    word = match[0].lower()
    return (word if word.isascii() else fold(word)) in _FIRST_WORDS


@lru_cache(maxsize=8192)
def count_exact_meanings(text: str) -> int:
    """Return how many meanings a text matches exactly, 1 where it is an unrelated title; 0 for most cells."""
    if not text or len(text) > MAX_TITLE_LENGTH:
        return 0
    words = _plain_words(text)
    if len(words) > MAX_WORDS or not any(word in KNOWN_WORDS["all"] for word in words):
        return 0
    found = _match_words(words)
    if not found:
        return int(bool(set(words) & UNRELATED_WORDS))
    # « École Zola » matches NAME as « École » does: with other words beside it, it may be a school.
    return (
        len(found) if not found.keys() <= _MEANINGS_IN_DATA or all(word in KNOWN_WORDS["all"] for word in words) else 0
    )


@lru_cache(maxsize=4096)
def _match_text(text: str) -> dict[Meaning, int]:
    words = title_words(text)
    found = _match_words(words)
    if words == _plain_words(text):
        return found
    return {meaning: number + MISSPELLING_PENALTY for meaning, number in found.items()}


def _match_words(words: tuple[str, ...]) -> dict[Meaning, int]:
    present = set(words)
    if not present:
        return {}
    found = {}
    for meaning, patterns in PATTERNS.items():
        for number, pattern in enumerate(patterns):
            if pattern.matches(words, present):
                found[meaning] = number
                break
    return found


@lru_cache(maxsize=4096)
def title_words(text: str) -> tuple[str, ...]:
    """Return the words of a title: abbreviations expanded, spelling corrected, stop words removed."""
    return tuple(_correct_spelling(word) for word in _plain_words(text))


@lru_cache(maxsize=8192)
def _plain_words(text: str) -> tuple[str, ...]:
    folded = _SPLIT_ABBREVIATIONS.sub(
        lambda match: match[0].replace("e ", "").replace(" ", ""), fold(_CAMEL.sub(" ", text.replace("€", " euro ")))
    )
    found: list[str] = []
    for token in folded.split():
        for word in _split_compound(token):
            plain = ALIASES.get(word) or ALIASES.get(word.rstrip("s"), word)
            if plain in KNOWN_WORDS["all"]:
                found.append(plain)
            elif not (plain in STOP_WORDS or (plain.isdecimal() and (plain == "1" or len(plain) == 4))):  # noqa: PLR2004 - a year
                found.append(_singular(plain))
    others = [word for word in found if word not in OPTIONAL_WORDS]
    return tuple(others or found)


def _split_compound(token: str) -> tuple[str, ...]:
    pair = _COMPOUND_WORD.fullmatch(token)
    return pair.groups() if pair else (token,)


def _singular(word: str) -> str:
    for ending in ("es", "s", "e"):
        bare = word.removesuffix(ending)
        if len(bare) > 3 and bare != word and bare in KNOWN_WORDS["all"]:  # noqa: PLR2004
            return bare
    return word


@lru_cache(maxsize=8192)
def _correct_spelling(word: str) -> str:
    """Return the nearest known word; the word itself where there is none, or two are equally near."""
    if word in KNOWN_WORDS["all"] or len(word) < SHORT_WORD or not word.isalpha():
        return word
    max_edits = 2 if len(word) >= LONG_WORD else 1
    letters = set(word)
    best: dict[str, int] = {}
    for known in KNOWN_WORDS["spelt"]:
        # Cheap tests first: the edit distance is slow.
        if abs(len(known) - len(word)) <= max_edits and len(letters ^ set(known)) <= 2 * max_edits:
            distance = edit_distance(word, known)
            if distance <= max_edits:
                best[ALIASES.get(known, known)] = min(distance, best.get(ALIASES.get(known, known), max_edits))
    min_distance = min(best.values(), default=0)
    nearest = [known for known, distance in best.items() if distance == min_distance]
    return nearest[0] if len(nearest) == 1 else word


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
    tokens = [token for token in _level_tokens(rest) if not _is_one_of(token, _COUNT_WORDS)]
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
    if words & (NON_COUNT_WORDS - {"eleve"}):
        return None
    if words & _LICENCE_WORDS:
        return Meaning.UNITS
    return Meaning.CLASSES if "classe" in words and "eleve" not in words else None


#: What may stand in a title beside letters and digits: « + » or « % » say something of the numbers.
_MARK = re.compile(r"[^A-Za-z0-9À-ɏ\s'’`´\"«»“”.,;:()\[\]/\\–—_*°º?!&#…|-]|^\s*-|\(-\)")
#: « Licences / classe » are not those of the school.
_FOR_EACH = re.compile(r"/\s*(cl|él[eè]ve|eleve|enseign|prof|niveau)", re.IGNORECASE)
#: Words that are plain together, and not one by one: « (1 par classe, hors ULIS) », « demandées par l'école ».
_PLAIN_PHRASE = re.compile(
    r"\b(1|une) (licences? )?par classe\b|\bhors (ulis|segpa|upe2a|maternelles?)\b|\bavez vous besoin\b"
    r"|\bpar (l |la |le |les |chaque |votre )?(ecole|etablissement|structure|college|direct\w+)s?\b"
    r"|\btous (les )?niveaux\b|\ben (?=licences?\b|abonnements?\b|chiffres?\b|elementaires?\b|septembre|20)|\b1 an\b"
    r"|\blot n? ?[0-9]\b|\bcycles? [1-4i]+( (et |a )?[1-4i]+)*\b"
)
_YEARS = re.compile(r"\b(?:20)?([0-9]{2}) (?:20)?([0-9]{2})\b")
_NOUNS = split_words("licence abonnement classe quantite")


def list_doubtful_words(meaning: Meaning, title: Title, school_year: int | None = None) -> list[str]:
    """Return what a title, and the one above it, say beside what is known to count licences or classes to give.

    `school_year`: the year in which it ends; other years are doubtful. Without it none is.
    """
    texts = [title.parent, title.child] if title.parent else [title.text]
    return [word for text in texts for word in _list_doubtful_words(meaning, text, school_year)]


@lru_cache(maxsize=4096)
def _list_doubtful_words(meaning: Meaning, text: str, school_year: int | None) -> tuple[str, ...]:
    folded = _PLAIN_PHRASE.sub(" ", _YEARS.sub(_write_school_year, fold(_CAMEL.sub(" ", text))))
    plain = PLAIN_WORDS | (PLAIN_CLASS_WORDS if meaning is Meaning.CLASSES else frozenset())
    years = _YEAR.findall(folded) if school_year is None else (str(school_year - 1), str(school_year))
    tokens = [word for token in folded.split() for word in _split_compound(token)]
    words = [token for token in tokens if token not in years and not _is_one_of(token, plain)]
    if not any(_is_one_of(token, _NOUNS) for token in tokens):
        # « Nombr de licences » has a noun already, « Lisences » is one.
        words = [word for word in words if _correct_spelling(word) not in _NOUNS]
    return (*words, *(found[0] for mark in (_MARK, _FOR_EACH) for found in mark.finditer(text)))


def _write_school_year(match: re.Match[str]) -> str:
    """Return « 2026 2027 » for « 26/27 », other numbers as they are."""
    return f"20{match[1]} 20{match[2]}" if int(match[2]) == int(match[1]) + 1 else match[0]


def _is_one_of(word: str, words: frozenset[str]) -> bool:
    """Whether a word is one of these, in any spelling or gender, or several of it."""
    forms = (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("e"))
    return any(ALIASES.get(form, form) in words or form in words for form in forms)


def _level_tokens(folded: str) -> list[str]:
    joined = _CYCLE.sub(lambda match: f"cycle{_ROMAN.get(match[1], match[1])}", folded)
    return [word for word in joined.split() if word not in STOP_WORDS]


def _is_level_token(token: str) -> bool:
    return any(pattern.fullmatch(token) for pattern in (_NURSERY, _ELEMENTARY, _OTHER_LEVEL))


def _find_stage(tokens: list[str]) -> str:
    if all(map(_NURSERY.fullmatch, tokens)):
        return "nursery"
    return "elementary" if all(map(_ELEMENTARY.fullmatch, tokens)) else ""
