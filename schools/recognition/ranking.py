"""Which school of its surroundings a row means: the likeliest ones in their order, and whether the first is sure.

Pure. The thresholds were set on tens of thousands of damaged rows of the directory; the bench keeps the score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schools.folding import slips
from schools.recognition import vocabulary as said
from schools.recognition.likeness import Likeness, likeness
from schools.recognition.naming import telling
from schools.recognition.places import PARTED_BY_DISTRICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schools.recognition.known import Known
    from schools.recognition.naming import Reading
    from schools.recognition.places import Place
    from schools.recognition.surroundings import Block

#: Below, a school is not even proposed.
WORTH_SHOWING: Final = 0.4
#: From here on, and so far ahead of the second, a school is the one that was meant.
SURE: Final = 0.8
MARGIN: Final = 0.08
#: From so many letters on, the name of a commune whose postal code agrees may bear two slips.
_LONG: Final = 10
#: From so many letters on, one slip away from a commune is no other commune.
_UNMISTAKABLE: Final = 6
#: A commune that is not the one told, where nothing but the name speaks for the school.
_ELSEWHERE: Final = 0.5
#: A département that is not the list's.
_FROM_AFAR: Final = 0.9
#: A commune that the one told may misspell, or a part of which it may be.
_NOT_QUITE: Final = 0.95


class Asked(NamedTuple):
    """What a row says of its school, as it is compared."""

    reading: Reading
    place: Place
    #: The communes that the place may mean: its own, or those that its misspelling may stand for.
    communes: tuple[str, ...] = ()
    #: Whether the directory has schools in the commune that is told.
    commune_known: bool = False
    #: The départements of the list's other rows, or else of the scope; empty where neither says.
    home: frozenset[str] = frozenset()
    #: The street and its number, folded.
    street: str = ""


class Ranked(NamedTuple):
    """A school, and how likely a row means it."""

    school: Known
    score: float
    #: Nothing that the row says is missing in the school or against it.
    sure: bool
    #: One of the two names says no more than « école primaire ».
    bare: bool
    #: Both names say the same, and the place is the one told.
    exact: bool


def ranked(asked: Asked, schools: Iterable[Known], misspelt: Mapping[str, Mapping[str, int]]) -> list[Ranked]:
    """Return the schools worth showing, the likeliest first."""
    found: list[Ranked] = []
    for school in schools:
        alike = likeness(asked.reading, school, misspelt)
        if alike.score < WORTH_SHOWING:
            continue
        where = likeness_of_place(asked, school)
        score = alike.score * where
        if asked.street and asked.street == school.street:
            score += 0.1
        if score >= WORTH_SHOWING:
            found_there = where > _NOT_QUITE
            sure = alike.sure and (found_there or (where > _ELSEWHERE and _may_be_elsewhere(asked, school, alike)))
            if not asked.place.departement:
                # Communes of one name are many, and the one that is meant may have no school in the directory.
                at_home = school.departement in asked.home
                score *= 1.0 if at_home or not asked.home else _FROM_AFAR
                sure = sure and (not alike.bare or at_home or (not asked.home and alike.same_level))
            exact = alike.exact and found_there
            found.append(Ranked(school, score, sure, alike.bare, exact))
    found.sort(key=lambda each: (-each.score, each.school.closed, each.school.uai))
    return found


def _may_be_elsewhere(asked: Asked, school: Known, alike: Likeness) -> bool:
    """Whether a name is proof enough where the commune is not quite the one told."""
    if alike.bare or not alike.same_level:
        return False
    same_code = bool(asked.place.postal_code) and asked.place.postal_code == school.postal_code
    return (
        same_code
        or school.departement in (asked.place.departement, *asked.home)
        or len(asked.place.commune) >= _UNMISTAKABLE
    )


def likeness_of_place(asked: Asked, school: Known) -> float:
    """Return how well a school's place answers to the one that a row tells; 1 where it tells none."""
    place = asked.place
    same_code = bool(place.postal_code) and place.postal_code == school.postal_code
    # The postal codes of a few communes begin with the neighbouring département's number.
    if place.departement and not same_code and school.departement != place.departement:
        return _ELSEWHERE
    if place.commune and school.commune_key in asked.communes:
        if same_code or not place.postal_code:
            return 1.0 if place.commune == school.commune_key else _NOT_QUITE
        other_district = school.commune_key in PARTED_BY_DISTRICTS and place.postal_code[:3] == school.postal_code[:3]
        # Otherwise a CEDEX code, or one of several of a large commune.
        return _ELSEWHERE if other_district else 0.98
    if same_code:
        return _by_postal_code(asked, school)
    return _ELSEWHERE if place else 1.0


def _by_postal_code(asked: Asked, school: Known) -> float:
    told = asked.place.commune
    if not told or told == school.commune_key:
        return 1.0
    if asked.commune_known:
        return _ELSEWHERE
    misspelt = slips(told, school.commune_key) <= (2 if len(told) >= _LONG else 1)
    return 0.99 if misspelt else _NOT_QUITE


def decide(asked: Asked, found: Sequence[Ranked], block: Block) -> Ranked | None:
    """Return the school that was meant, where that is as good as certain."""
    # An open school goes before a closed one of the same name and place, whatever else speaks for the latter.
    first = next((each for each in found if each.sure and not each.school.closed), None)
    if first is None or first.score < SURE:
        if first is not None and _only_one(asked, first, block):
            return first._replace(score=SURE)
        closed = next((each for each in found if each.sure and each.school.closed), None)
        if closed is None or closed.score < SURE:
            return None
        first = closed
    rivals = (each for each in found if each is not first and (first.school.closed or not each.school.closed))
    second = next(rivals, None)
    if second is None or first.score - second.score >= MARGIN:
        return first
    if first.bare and not asked.place.commune:
        # The communes of a postal code have each its « école primaire ».
        return None
    exact = [each for each in found if each.exact and (first.school.closed or not each.school.closed)]
    return first if exact == [first] else None


def _only_one(asked: Asked, first: Ranked, block: Block) -> bool:
    """Whether « école primaire » can but mean the one école of the commune, whatever the directory calls it."""
    if not first.bare or not asked.place or asked.reading.marks:
        return False
    if telling(asked.reading.words, first.school.commune_key) != ((), frozenset()):
        return False
    sector = asked.reading.sector or "public"
    schools = [
        school
        for school in block.schools
        if not school.closed
        and not school.beside
        and school.sector in (sector, "")
        and any(levels & said.PRIMARY for levels in school.levels)
    ]
    return schools == [first.school] and first.score >= 0.7  # noqa: PLR2004 - 0.75, and the level fits
