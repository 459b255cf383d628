"""How well a school of the directory answers to a row's name. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schools.recognition import vocabulary as said
from schools.recognition.naming import telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schools.recognition.known import Known
    from schools.recognition.naming import Reading

#: Of levels: the same; « élémentaire » for « primaire »; none said; a maternelle for a primary school; another.
_SAME: Final = 1.0
_ALIKE: Final = 0.9
_UNSAID: Final = 0.95
ADJACENT: Final = 0.75
_OTHER: Final = 0.5
#: A sector, a number, a kind that is not the one that was said.
_AGAINST: Final = 0.6


class Likeness(NamedTuple):
    """How well a school answers to a name."""

    score: float
    #: Nothing that the row says is missing in the school, or against it.
    sure: bool
    #: One of the two says no more than « école primaire ».
    bare: bool
    #: Both say the same: words, level, number.
    exact: bool
    #: The level is the one that was said, not one that may stand for it.
    same_level: bool


class _Words(NamedTuple):
    score: float
    complete: bool
    bare: bool
    same: bool


def likeness(row: Reading, school: Known, slips: Mapping[str, Mapping[str, int]]) -> Likeness:
    """Return how well a school answers to a row's name, the place left aside.

    `slips`: for words that no school around bears, those of the directory that they may misspell.
    """
    words = _of_words(row, school, slips)
    level = level_of(row, school)
    factor = level
    sure = words.complete and level >= _ALIKE
    if not row.levels and school.levels == (said.NURSERY,):
        # Where a maternelle alone bears the name, the other school of the name may be one that is not known yet.
        sure = False
    if row.marks != school.marks:
        if row.marks and school.marks and not row.marks & school.marks:
            factor *= _AGAINST
            sure = False
        elif row.marks - school.marks:
            factor *= 0.85
            sure = False
        else:
            # « Jaurès » for « Jaurès A »: no other can be meant, or the other is as likely.
            factor *= 0.97
    if words.bare and not row.levels and not row.either:
        sure = False
    sector = row.sector or ("public" if words.bare and (row.either or row.levels & said.PRIMARY) else "")
    if sector and school.sector and sector != school.sector:
        factor *= _AGAINST
        sure = False
    if bool(row.beside) != school.beside or (row.beside and not row.beside & school.reading.beside):
        factor *= _AGAINST
        sure = False
    tracks = school.reading.tracks
    if row.tracks != tracks:
        factor *= _of_tracks(row.tracks, tracks)
        sure = sure and _same_side(row.tracks, tracks) and row.levels != said.SECONDARY
    told = row.levels or row.either == school.reading.either
    exact = words.same and bool(told) and level == _SAME and row.marks == school.marks and row.tracks == tracks
    return Likeness(words.score * factor, sure, words.bare, exact, level >= _UNSAID)


def _of_tracks(told: frozenset[str], known: frozenset[str]) -> float:
    if not told:
        return 0.98
    return 0.91 if not known or told & known else 0.8


def _same_side(told: frozenset[str], known: frozenset[str]) -> bool:
    """Whether both are a lycée professionnel, or neither: the two stand side by side, of one name, with a UAI each."""
    if not told:
        return True
    return bool(known) and not {"p", "a"} & (told ^ known) and told.isdisjoint("gt") == known.isdisjoint("gt")


def level_of(row: Reading, school: Known) -> float:
    """Return how well a school's level answers to the one that a row says; below `ADJACENT`, it is another."""
    if not row.levels and not row.either:
        return _UNSAID
    if not school.levels:
        return _UNSAID if row.beside else _OTHER
    return max(_of_one_level(row, levels) for levels in school.levels)


def _of_one_level(row: Reading, levels: int) -> float:
    if row.either:
        # « École »: a maternelle says that it is one more often than not.
        return {said.PRIMARY: _SAME, said.ELEMENTARY: _SAME, said.NURSERY: _UNSAID}.get(levels & said.PRIMARY, _OTHER)
    if row.levels == levels:
        return _SAME
    if row.levels & levels:
        return ADJACENT if said.NURSERY in (row.levels, levels) else _ALIKE
    return _OTHER


def _of_words(row: Reading, school: Known, slips: Mapping[str, Mapping[str, int]]) -> _Words:
    """Compare the words that tell."""
    said_so = row.words
    guessed = 0
    if slips:
        said_so, guessed = _corrected(row.words, school, slips)
    strong, faint = telling(said_so, school.commune_key)
    if not strong or not school.strong:
        return _bare(strong, faint, school, guessed)
    found = _found(strong, school.strong)
    total = sum(found.values()) - 0.06 * guessed
    of_row, of_school = total / len(strong), total / max(len(school.strong), len(found))
    score = 0.7 * of_row + 0.3 * of_school
    complete = len(found) == len(strong) and (guessed < 2 or guessed < len(strong))  # noqa: PLR2004
    if faint != school.faint:
        score -= 0.02
        if faint.isdisjoint(said.HOLY) != school.faint.isdisjoint(said.HOLY):
            # « Saint-Jean » is not « Jean Moulin ».
            score -= 0.08
            complete = False
    if complete and len(found) == 1 < len(school.strong):
        # « Jaurès » is « Jean Jaurès »; « Turgot » need not be « Jaurès-Turgot ».
        complete = all(word in said.FIRST_NAMES or word in found or len(word) == 1 for word in school.strong)
    return _Words(score, complete, bare=False, same=not guessed and set(strong) == set(school.strong))


def _bare(strong: Sequence[str], faint: frozenset[str], school: Known, guessed: int) -> _Words:
    """Compare where one of the two has no word that tells."""
    if school.strong:
        # « École primaire » may be called Jules Ferry in the directory; the reverse is less likely.
        return _Words(0.75, not faint, bare=True, same=False)
    if strong:
        return _Words(0.5, complete=False, bare=True, same=False)
    if faint == school.faint:
        return _Words(1.0 - 0.05 * guessed, complete=True, bare=True, same=not guessed)
    # « École du Bourg » is not « École du Centre »; it may be « École ».
    both = bool(faint and school.faint)
    return _Words(0.6 if both else 0.94, complete=not faint, bare=True, same=False)


def _corrected(
    words: Sequence[str], school: Known, slips: Mapping[str, Mapping[str, int]]
) -> tuple[tuple[str, ...], int]:
    """Return the words with those that misspell a word of the school's or of its commune's put right, and how many."""
    meant: list[str] = []
    guessed = 0
    for word in words:
        near = slips.get(word)
        right = word
        if near is not None and word not in school.reading.words:
            right = next((other for other in near if other in school.bears), word)
            guessed += right != word
        meant.append(right)
    return tuple(meant), guessed


def _found(strong: Sequence[str], others: Sequence[str]) -> dict[str, float]:
    """Return the row's words that the school has too, and how surely each is meant."""
    found = {word: 1.0 for word in strong if word in others}
    lost = [word for word in strong if word not in found]
    left = [word for word in others if word not in found]
    if not lost or not left:
        return found
    for word in list(lost):
        other = next((o for o in left if (len(word) == 1 or len(o) == 1) and word[0] == o[0]), None)
        if other is not None:
            found[word] = 0.92
            left.remove(other)
            lost.remove(word)
    if lost and left and "".join(lost) == "".join(left):
        # « Joliotcurie », « Beau Site » for « Beausite ».
        found |= dict.fromkeys(lost, 0.95)
    return found
