"""Similarity of a row's name and a candidate school. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from schools.recognition import vocabulary
from schools.recognition.candidates import CandidateSchool
from schools.recognition.name_parser import ParsedName, split_distinctive

#: Factors for levels: the same; « élémentaire » for « primaire »; none given; maternelle for primaire; different.
_SAME: Final = 1.0
_ALIKE: Final = 0.9
_NOT_GIVEN: Final = 0.95
ADJACENT_LEVEL: Final = 0.75
_OTHER: Final = 0.5
#: Factor for a different sector, number or kind.
_MISMATCH: Final = 0.6


class NameSimilarity(NamedTuple):
    """Similarity of a row's name and a school."""

    score: float
    #: Nothing in the row is missing in the school, or contradicts it.
    sure: bool
    #: One of the two names has no distinctive word, as in « école primaire ».
    bare: bool
    #: Same words, level and number.
    exact: bool
    #: The level is the same, not only a compatible one.
    same_level: bool
    #: The row tells its school from others of the same name: it states level, number and track.
    telling: bool


class _Words(NamedTuple):
    score: float
    complete: bool
    bare: bool
    same: bool


def compare_names(
    row: ParsedName, school: CandidateSchool, spelling_corrections: Mapping[str, Mapping[str, int]]
) -> NameSimilarity:
    """Return the similarity of a row's name and a school, ignoring the place.

    `spelling_corrections`: corrections, with edit distances, of words that no candidate school has.
    """
    words = _compare_words(row, school, spelling_corrections)
    level = compare_levels(row, school)
    factor = level
    sure = words.complete and level >= _ALIKE
    if not row.levels and school.levels == (vocabulary.NURSERY,):
        # Where only a maternelle has the name, its élémentaire may be missing in the directory.
        sure = False
    if row.marks != school.marks:
        if row.marks and school.marks and not row.marks & school.marks:
            factor *= _MISMATCH
            sure = False
        elif row.marks - school.marks:
            factor *= 0.85
            sure = False
        else:
            # « Jaurès » for « Jaurès A »: the only one of the name, or equal to its twin.
            factor *= 0.97
    if words.bare and not row.levels and not row.is_unspecified_level:
        sure = False
    sector = row.sector or (
        "public" if words.bare and (row.is_unspecified_level or row.levels & vocabulary.PRIMARY) else ""
    )
    if sector and school.sector and sector != school.sector:
        factor *= _MISMATCH
        sure = False
    if bool(row.attached) != school.attached or (row.attached and not row.attached & school.reading.attached):
        factor *= _MISMATCH
        sure = False
    tracks = school.reading.tracks
    if row.tracks != tracks:
        factor *= _compare_tracks(row.tracks, school.tracks)
        sure = sure and _compatible_tracks(row.tracks, school.tracks) and row.levels != vocabulary.SECONDARY
    same_kind = row.levels or row.is_unspecified_level == school.reading.is_unspecified_level
    exact = words.same and bool(same_kind) and level == _SAME and row.marks == school.marks and row.tracks == tracks
    telling = _tells_level(row, school.reading) and row.marks == school.marks
    telling = telling and (row.tracks == tracks or _tells_track(row.tracks, school.tracks))
    return NameSimilarity(words.score * factor, sure, words.bare, exact, level >= _NOT_GIVEN, telling)


def _compare_tracks(given: frozenset[str], known: frozenset[str]) -> float:
    if not given or not known or given == known:
        return 0.98
    return 0.93 if given & known else 0.8


def _tells_level(row: ParsedName, known: ParsedName) -> bool:
    """Return whether the row states the level; « École secondaire Varlin » may stand beside the « Lycée Varlin »."""
    if row.levels & vocabulary.SECONDARY:
        same = row.levels == known.levels or not (known.levels or known.is_unspecified_level)
        return same and row.levels != vocabulary.SECONDARY
    return bool(row.levels) or row.is_unspecified_level


def _tells_track(given: frozenset[str], known: frozenset[str]) -> bool:
    """Return whether no other lycée of the name can be meant: a lycée professionnel is named as such."""
    return given == known if given else not known or bool(known & {"g", "t"})


def _compatible_tracks(given: frozenset[str], known: frozenset[str]) -> bool:
    """Return whether the tracks are compatible: a lycée professionnel often has a namesake with a UAI of its own."""
    if not given or not known:
        return True
    return not {"p", "a"} & (given ^ known) and given.isdisjoint("gt") == known.isdisjoint("gt")


def compare_levels(row: ParsedName, school: CandidateSchool) -> float:
    """Return the similarity of the levels of a row and a school; below `ADJACENT_LEVEL` they differ."""
    if not row.levels and not row.is_unspecified_level:
        return _NOT_GIVEN
    if not school.levels:
        return _NOT_GIVEN if row.attached else _OTHER
    return max(_compare_level(row, levels) for levels in school.levels)


def _compare_level(row: ParsedName, levels: int) -> float:
    if row.is_unspecified_level:
        # « École »: a maternelle is usually named as such.
        return {vocabulary.PRIMARY: _SAME, vocabulary.ELEMENTARY: _SAME, vocabulary.NURSERY: _NOT_GIVEN}.get(
            levels & vocabulary.PRIMARY, _OTHER
        )
    if row.levels == levels:
        return _SAME
    if row.levels & levels:
        return ADJACENT_LEVEL if vocabulary.NURSERY in (row.levels, levels) else _ALIKE
    return _OTHER


def _compare_words(
    row: ParsedName, school: CandidateSchool, spelling_corrections: Mapping[str, Mapping[str, int]]
) -> _Words:
    """Compare the distinctive words."""
    words = row.words
    corrected = 0
    if spelling_corrections:
        words, corrected = _correct_words(row.words, school, spelling_corrections)
    strong, faint = split_distinctive(words, school.commune_key)
    if not strong or not school.strong:
        return _compare_without_distinctive(strong, faint, school, corrected)
    found = _match_words(strong, school.strong)
    extra = [word for word in strong if word not in found]
    omits_first_name = len(found) == len(school.strong) and _is_named_for_person(extra, school)
    if omits_first_name:
        strong = tuple(word for word in strong if word in found)
    total = sum(found.values()) - 0.06 * corrected - 0.12 * omits_first_name
    of_row, of_school = total / len(strong), total / max(len(school.strong), len(found))
    score = 0.7 * of_row + 0.3 * of_school
    complete = len(found) == len(strong) and (corrected < 2 or corrected < len(strong))  # noqa: PLR2004
    if faint != school.faint:
        score -= 0.02
        if faint.isdisjoint(vocabulary.SAINT_WORDS) != school.faint.isdisjoint(vocabulary.SAINT_WORDS):
            # « Saint-Jean » is not « Jean Moulin ».
            score -= 0.08
            complete = False
    if complete and len(found) == 1 < len(school.strong):
        # « Jaurès » is « Jean Jaurès »; « Turgot » need not be « Jaurès-Turgot ».
        complete = all(word in vocabulary.FIRST_NAMES or word in found or len(word) == 1 for word in school.strong)
    return _Words(
        score, complete, bare=False, same=not (corrected or omits_first_name) and set(strong) == set(school.strong)
    )


def _is_named_for_person(extra: Sequence[str], school: CandidateSchool) -> bool:
    """Return whether the row's words that the school lacks are first names: « Auguste Delaune » is « Delaune ».

    Only of collèges and lycées: « Jean Moulin » is not the école « du Moulin ».
    """
    secondary = any(levels & vocabulary.SECONDARY for levels in school.levels)
    return bool(extra) and secondary and vocabulary.FIRST_NAMES.issuperset(extra)


def _compare_without_distinctive(
    strong: Sequence[str], faint: frozenset[str], school: CandidateSchool, corrected: int
) -> _Words:
    """Compare where one of the two has no distinctive word."""
    if school.strong:
        # « École primaire » may be called Jules Ferry in the directory; the reverse is less likely.
        return _Words(0.75, not faint, bare=True, same=False)
    if strong:
        return _Words(0.5, complete=False, bare=True, same=False)
    if faint == school.faint:
        return _Words(1.0 - 0.05 * corrected, complete=True, bare=True, same=not corrected)
    # « École du Bourg » is not « École du Centre »; it may be « École ».
    both = bool(faint and school.faint)
    return _Words(0.6 if both else 0.94, complete=not faint, bare=True, same=False)


def _correct_words(
    words: Sequence[str], school: CandidateSchool, spelling_corrections: Mapping[str, Mapping[str, int]]
) -> tuple[tuple[str, ...], int]:
    """Correct misspelt words of the school's name or commune; return the words and the number of corrections."""
    result: list[str] = []
    corrected = 0
    for word in words:
        corrections = spelling_corrections.get(word)
        correct = word
        if corrections is not None and word not in school.reading.words:
            correct = next((other for other in corrections if other in school.bears), word)
            corrected += correct != word
        result.append(correct)
    return tuple(result), corrected


def _match_words(strong: Sequence[str], others: Sequence[str]) -> dict[str, float]:
    """Return the row's words that the school has too, each with its score."""
    found = {word: 1.0 for word in strong if word in others}
    unmatched = [word for word in strong if word not in found]
    remaining = [word for word in others if word not in found]
    if not unmatched or not remaining:
        return found
    for word in list(unmatched):
        other = next((o for o in remaining if (len(word) == 1 or len(o) == 1) and word[0] == o[0]), None)
        if other is not None:
            found[word] = 0.92
            remaining.remove(other)
            unmatched.remove(word)
    if unmatched and remaining and "".join(unmatched) == "".join(remaining):
        # « Joliotcurie », « Beau Site » for « Beausite ».
        found |= dict.fromkeys(unmatched, 0.95)
    return found
