"""Check whether a row's name and place confirm or contradict the school of its UAI. Pure."""

from __future__ import annotations

import enum
from typing import Final

from schools.folding import edit_distance, fold
from schools.recognition import vocabulary
from schools.recognition.candidates import CandidateSchool, SchoolSummary
from schools.recognition.name_parser import parse_name, split_distinctive
from schools.recognition.places import ARRONDISSEMENT_CITIES, build_commune_key, get_uai_departement, parse_departement
from schools.recognition.ranking import SchoolQuery
from schools.recognition.results import SchoolReference
from schools.recognition.similarity import ADJACENT_LEVEL, compare_levels


class Evidence(enum.Enum):
    """Evidence of a row's name or place for a school."""

    CONFIRMS = "confirms"
    #: Empty, or not distinctive.
    SILENT = "silent"
    #: Different, but compatible: the school was renamed, or lies in a part of the commune.
    DIFFERS = "differs"
    #: Another level, another commune.
    DENIES = "denies"


#: Words of names that are not distinctive.
_IGNORED_WORDS = frozenset(
    {*vocabulary.STOP_WORDS, *vocabulary.SCHOOL_WORDS, *vocabulary.SECTORS, *vocabulary.SAINT_WORDS, "st", "ste"}
)
_LEVELS = frozenset(vocabulary.LEVELS)
#: Shorter words are compared exactly.
_MIN_FUZZY_LENGTH: Final = 4


def matches_summary(row: SchoolReference, summary: SchoolSummary) -> bool:
    """Return whether cheap comparisons of all given cells confirm the school.

    Same commune, or same postal code without a commune; same département; and a name of the same words. False for a
    row with none of these cells.
    """
    if not (row.name or row.commune or row.postal_code) or not _place_matches(row, summary):
        return False
    if not row.name or row.name == summary.name:
        return True
    folded = fold(row.name)
    if folded == summary.name_folded:
        return True
    row_words, school_words = set(folded.split()), set(summary.name_folded.split())
    if not (row_words ^ school_words) <= _IGNORED_WORDS:
        return False
    return bool((row_words & school_words) - _IGNORED_WORDS - _LEVELS)


def _place_matches(row: SchoolReference, summary: SchoolSummary) -> bool:
    if row.departement and parse_departement(row.departement) != get_uai_departement(summary.uai):
        return False
    other_code = bool(row.postal_code) and row.postal_code != summary.postal_code
    if not row.commune:
        return not other_code
    if row.commune != summary.commune and build_commune_key(row.commune) != summary.commune_key:
        return False
    # Another postal code of the same commune may be a CEDEX, but not another arrondissement.
    may_be_cedex = row.postal_code[:2] == summary.postal_code[:2] and summary.commune_key not in ARRONDISSEMENT_CITIES
    return may_be_cedex or not other_code


def is_distinctive(name: str) -> bool:
    """Return whether a name has a distinctive word, unlike « École primaire »."""
    return bool(parse_name(name).words)


def compare_name(query: SchoolQuery, school: CandidateSchool) -> Evidence:
    """Return the evidence of a row's name for the school."""
    row = query.reading
    if not (row.words or row.levels or row.is_unspecified_level or row.attached):
        return Evidence.SILENT
    contradicts = (
        compare_levels(row, school) < ADJACENT_LEVEL
        or bool(row.marks and school.marks and not row.marks & school.marks)
        or bool(row.attached) != bool(school.reading.attached)
    )
    strong, _ = split_distinctive(row.words, school.commune_key)
    if not strong or not school.strong:
        # « École primaire » is not distinctive, whether or not the directory has a name for it.
        return Evidence.DENIES if contradicts else Evidence.SILENT
    shared = {word: other for word in strong for other in school.strong if _is_similar(word, other)}
    shares = (
        any(not {word, other} & vocabulary.FIRST_NAMES for word, other in shared.items())
        or shared.keys() == set(strong)
        or len(shared) >= len(set(school.strong))
        or "".join(strong) == "".join(school.strong)
    )
    if not shares:
        return Evidence.DIFFERS
    return Evidence.DENIES if contradicts else Evidence.CONFIRMS


def _is_similar(word: str, other: str) -> bool:
    if word == other:
        return True
    if len(word) < _MIN_FUZZY_LENGTH or abs(len(word) - len(other)) > 2:  # noqa: PLR2004 - the maximum edit distance
        return False
    return edit_distance(word, other) <= (2 if len(word) >= 2 * _MIN_FUZZY_LENGTH else 1)


def compare_place(query: SchoolQuery, school: CandidateSchool) -> Evidence:
    """Return the evidence of a row's place for the school."""
    place = query.place
    same_code = bool(place.postal_code) and place.postal_code == school.postal_code
    if place.departement and not same_code and school.departement != place.departement:
        # The commune tells more than a département that has none of that name.
        wrong = query.departement_is_wrong and place.commune == school.commune_key
        return Evidence.DIFFERS if wrong else Evidence.DENIES
    if not place:
        return Evidence.SILENT
    if place.commune and _same_commune(place.commune, school.commune_key):
        districts = school.commune_key in ARRONDISSEMENT_CITIES and place.postal_code[:3] == school.postal_code[:3]
        return Evidence.DIFFERS if districts and not same_code else Evidence.CONFIRMS
    if same_code:
        return Evidence.DIFFERS if query.commune_known else Evidence.CONFIRMS
    # Another postal code of the département may be a CEDEX, and an unknown commune a part of this one.
    return Evidence.DENIES if place.commune and query.commune_known else Evidence.DIFFERS


def _same_commune(key: str, other: str) -> bool:
    """Return whether two keys are likely one commune: misspelt, or before and after a merger (Évry-Courcouronnes)."""
    if key == other or key.startswith(other + " ") or other.startswith(key + " "):
        return True
    tolerance = 2 if len(other) >= 2 * _MIN_FUZZY_LENGTH else 1
    return abs(len(key) - len(other)) <= 2 and edit_distance(key, other) <= tolerance  # noqa: PLR2004
