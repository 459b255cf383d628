"""Rank the candidate schools of a row, and decide whether the best one is certain. Pure.

Thresholds were tuned on tens of thousands of artificially damaged rows; the benchmark tracks precision and recall.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from schools.folding import edit_distance
from schools.recognition import SURE, vocabulary
from schools.recognition.candidates import CandidateBlock, CandidateSchool
from schools.recognition.name_parser import ParsedName, split_distinctive
from schools.recognition.places import ARRONDISSEMENT_CITIES, SchoolPlace

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
    #: The row states the school's level.
    telling: bool
    #: The row states a level, the school's number and its track.
    comparable: bool
    #: The distinctive words are the school's, but for an initial or a typing error.
    named: bool
    #: Similarity of the distinctive words alone; 0 where one of the two has none.
    words: float
    #: The levels do not exclude each other.
    compatible: bool


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
    telling = level == _SAME and _tells_level(row, school.reading)
    return NameSimilarity(
        words.score * factor,
        sure,
        words.bare,
        exact,
        level >= _NOT_GIVEN,
        telling,
        # « Collège Saint-Joseph » is not the école « Collège Saint-Joseph »; « élémentaire » may be a primaire.
        comparable=(level >= _NOT_GIVEN or bool(row.levels & vocabulary.PRIMARY))
        and (row.states_level or (words.same and not school.reading.states_level))
        and row.marks == school.marks
        and (row.tracks == tracks or _tells_track(row.tracks, school.tracks)),
        named=words.score >= _NAMED,
        words=0.0 if words.bare else words.score,
        compatible=level >= ADJACENT_LEVEL,
    )


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


#: Minimum score of a proposal.
MIN_PROPOSAL_SCORE: Final = 0.4
#: Minimum score of a match, and minimum lead over the second candidate.
MIN_MATCH_SCORE: Final = 0.8
MIN_LEAD: Final = 0.08
#: Minimum length of a commune's name for an edit distance of 2, given the same postal code.
_LONG: Final = 10
#: Minimum length of a commune's name that is not another commune's at edit distance 1.
_UNMISTAKABLE: Final = 6
#: Minimum share of the words that two names of one person or place have in common.
_LIKE: Final = 0.75
#: Minimum similarity of the words of a school that is certain beside its namesakes: a typing error, or an initial.
_NAMED: Final = 0.93
#: Maximum confidence of a match of which something is taken for granted.
_MAX_UNCERTAIN: Final = SURE - 0.01
#: Factor for the commune in another département than the given one, which has none of that name.
_WRONG_DEPARTEMENT: Final = 0.9
#: Factor for a different commune.
_ELSEWHERE: Final = 0.5
#: Factor for a département outside the home départements.
_NOT_HOME: Final = 0.9
#: Factor for a commune that may be misspelt, or of which the given one may be a part.
_SIMILAR_COMMUNE: Final = 0.95


class SchoolQuery(NamedTuple):
    """A parsed row, as it is compared with schools."""

    reading: ParsedName
    place: SchoolPlace
    #: Keys of the communes to search: the given one, or its corrections.
    communes: tuple[str, ...] = ()
    #: Whether the directory has schools in the given commune.
    commune_known: bool = False
    #: The départements in which the directory has a commune of the given name.
    commune_departements: frozenset[str] = frozenset()
    #: Home départements: of the list's other rows, else of the scope; may be empty.
    home: frozenset[str] = frozenset()
    #: Number and street, folded.
    street: str = ""
    #: Whether the name has a letter.
    is_named: bool = True
    #: Level of nearly all rows of the list that state none, as this one; 0 if there is none.
    home_level: int = 0

    @property
    def commune_is_unknown(self) -> bool:
        """Whether the directory has no such commune, or not in the given département; and no postal code tells it."""
        place = self.place
        if not place.commune or place.postal_code:
            return False
        return not self.commune_known or (
            bool(place.departement) and place.departement not in self.commune_departements
        )

    @property
    def departement_is_wrong(self) -> bool:
        """Whether the given département, which has no commune of that name, must be a mistake: another has the only."""
        given = self.place.departement
        return bool(given) and len(self.commune_departements) == 1 and given not in self.commune_departements

    @property
    def assumes_level(self) -> bool:
        """Whether the level is that of the list's other rows."""
        return bool(self.home_level) and not self.reading.states_level

    @property
    def homed_reading(self) -> ParsedName:
        """The name with the level of the list's other rows, where it states none; a name without words has none."""
        reading = self.reading
        if not self.home_level or reading.states_level or not reading.words:
            return reading
        if self.home_level == vocabulary.PRIMARY:
            return reading._replace(is_unspecified_level=True)
        return reading._replace(levels=self.home_level)


class Requirement(enum.Enum):
    """What a school needs to be certain."""

    #: Level, number, track, words and place are stated.
    NOTHING = "nothing"
    #: No other school of the place with most of these words: something is taken for granted.
    ALONE = "alone"
    #: More than a list says.
    MORE = "more"


class RankedSchool(NamedTuple):
    """A candidate school with its score."""

    school: CandidateSchool
    score: float
    #: Nothing in the row is missing in the school or contradicts it.
    sure: bool
    #: One of the two names has no distinctive word, as in « école primaire ».
    bare: bool
    #: Same name and same place.
    exact: bool
    #: Similarity of the distinctive words alone; 0 where one of the two has none.
    words: float
    #: Its level may be meant.
    compatible: bool
    #: What is needed for it to be certain.
    need: Requirement
    #: Whether it is the one that is meant, beyond doubt.
    certain: bool = False

    @property
    def confidence(self) -> float:
        """The score as a probability, from 0 to 1: from `SURE` only where it is certain."""
        return round(min(max(self.score, SURE), 1.0) if self.certain else min(self.score, _MAX_UNCERTAIN), 3)


def rank_schools(
    query: SchoolQuery, schools: Iterable[CandidateSchool], spelling_corrections: Mapping[str, Mapping[str, int]]
) -> list[RankedSchool]:
    """Return the schools above the minimum score, best first."""
    found: list[RankedSchool] = []
    reading = query.homed_reading
    for school in schools:
        alike = compare_names(reading, school, spelling_corrections)
        if alike.score < MIN_PROPOSAL_SCORE:
            continue
        where = compare_places(query, school)
        score = alike.score * where
        if query.street and query.street == school.street:
            score += 0.1
        if score >= MIN_PROPOSAL_SCORE:
            found_there = where > _SIMILAR_COMMUNE
            sure = alike.sure and (found_there or (where > _ELSEWHERE and _may_be_elsewhere(query, school, alike)))
            if not query.place.departement:
                # Many communes share a name, and the intended one may have no school in the directory.
                at_home = school.departement in query.home
                score *= 1.0 if at_home or not query.home else _NOT_HOME
                sure = sure and (not alike.bare or at_home or (not query.home and alike.same_level))
            exact = alike.exact and found_there
            certain = sure and alike.comparable and _tells_place(query, school, alike)
            if query.assumes_level and school.levels == (vocabulary.ELEMENTARY,):
                # Its maternelle may be missing in the directory.
                certain = False
            stated = alike.telling and alike.named and found_there and not query.assumes_level
            compatible = alike.compatible or query.assumes_level
            need = (
                Requirement.NOTHING
                if certain and stated
                else Requirement.ALONE
                if certain and not alike.bare
                else Requirement.MORE
            )
            found.append(RankedSchool(school, score, sure, alike.bare, exact, alike.words, compatible, need))
    found.sort(key=lambda each: (-each.score, each.school.closed, each.school.uai))
    return found


def _tells_place(query: SchoolQuery, school: CandidateSchool, alike: NameSimilarity) -> bool:
    """Return whether no school of the name can be meant in a commune of the same or of a similar name."""
    place = query.place
    if not place:
        # Of the portfolio, else of a département, where many schools share a name.
        return not place.departement and not alike.bare
    if place.departement and place.departement != school.departement:
        return False
    if place.postal_code and place.postal_code[:2] == school.postal_code[:2]:
        return True
    if school.departement in (place.departement, *query.home):
        return True
    return not alike.bare or len(query.commune_departements) == 1


def _may_be_elsewhere(query: SchoolQuery, school: CandidateSchool, alike: NameSimilarity) -> bool:
    """Return whether the name is sufficient evidence where the commune is only similar."""
    if alike.bare or not alike.same_level:
        return False
    same_code = bool(query.place.postal_code) and query.place.postal_code == school.postal_code
    return (
        same_code
        or query.departement_is_wrong
        or school.departement in (query.place.departement, *query.home)
        or len(query.place.commune) >= _UNMISTAKABLE
    )


def compare_places(query: SchoolQuery, school: CandidateSchool) -> float:
    """Return the similarity of the places of a row and a school; 1 where the row has none."""
    place = query.place
    same_code = bool(place.postal_code) and place.postal_code == school.postal_code
    # A few communes have postal codes of the neighbouring département.
    if place.departement and not same_code and school.departement != place.departement:
        wrong = query.departement_is_wrong and place.commune == school.commune_key
        return _WRONG_DEPARTEMENT if wrong else _ELSEWHERE
    if place.commune and school.commune_key in query.communes:
        if same_code or not place.postal_code:
            return 1.0 if place.commune == school.commune_key else _SIMILAR_COMMUNE
        other_district = school.commune_key in ARRONDISSEMENT_CITIES and place.postal_code[:3] == school.postal_code[:3]
        # Otherwise a CEDEX code, or one of several of a large commune.
        return _ELSEWHERE if other_district else 0.98
    if same_code:
        return _commune_factor(query, school)
    return _ELSEWHERE if place else 1.0


def _commune_factor(query: SchoolQuery, school: CandidateSchool) -> float:
    commune = query.place.commune
    if not commune or commune == school.commune_key:
        return 1.0
    if query.commune_known:
        return _ELSEWHERE
    misspelt = edit_distance(commune, school.commune_key) <= (2 if len(commune) >= _LONG else 1)
    return 0.99 if misspelt else _SIMILAR_COMMUNE


def select_match(query: SchoolQuery, found: Sequence[RankedSchool], block: CandidateBlock) -> RankedSchool | None:
    """Return the matched school, where almost certain, else None."""
    # Open schools take precedence over closed ones.
    first = next((each for each in found if each.sure and not each.school.closed), None)
    if first is None or first.score < MIN_MATCH_SCORE:
        if first is not None and _is_only_school(query, first, block):
            return first._replace(score=MIN_MATCH_SCORE)
        closed = next((each for each in found if each.sure and each.school.closed), None)
        if closed is None or closed.score < MIN_MATCH_SCORE:
            return None
        first = closed
    rivals = [each for each in found if each is not first]
    first = first._replace(certain=_is_certain(query, first, rivals, block))
    second = next((each for each in rivals if first.school.closed or not each.school.closed), None)
    if second is None or first.score - second.score >= MIN_LEAD:
        return first
    if first.bare and not query.place.commune:
        # Each commune of a postal code has its « école primaire ».
        return None
    exact = [each for each in found if each.exact and (first.school.closed or not each.school.closed)]
    # Its exact name and place alone tell it from another that the row fits nearly as well.
    return first if exact == [first] else None


def _is_certain(query: SchoolQuery, first: RankedSchool, rivals: Sequence[RankedSchool], block: CandidateBlock) -> bool:
    """Return whether the best school is the one that is meant, beyond doubt. A closed school is a rival, too."""
    reading = query.reading
    if (
        not query.is_named
        or first.need is Requirement.MORE
        or any(first.score - each.score < MIN_LEAD for each in rivals)
    ):
        return False
    if first.need is Requirement.ALONE and any(_may_be_meant(each, first) for each in rivals):
        return False
    if first.bare and not query.place.commune and len({school.commune_key for school in block.schools}) > 1:
        # Each commune of a postal code has its « école primaire ».
        return False
    # « Groupe scolaire Bougainville » may be its collège; a SEGPA has its collège's name.
    return not (
        reading.is_unspecified_level
        and any(each.words >= first.words and each.school.reading.has_school_word for each in rivals)
    ) and not (
        reading.mentions_attached
        and any(
            school.attached != first.school.attached and school.strong == first.school.strong
            for school in block.schools
        )
    )


def _may_be_meant(other: RankedSchool, first: RankedSchool) -> bool:
    """Return whether another school of the place has most of the words and a fitting level, or has more of them."""
    return (other.words >= _LIKE and other.compatible) or other.words > first.words


def _is_only_school(query: SchoolQuery, first: RankedSchool, block: CandidateBlock) -> bool:
    """Return whether « école primaire » is unambiguous: the only primary school of the commune, whatever its name."""
    if not first.bare or not query.place or query.reading.marks:
        return False
    if split_distinctive(query.reading.words, first.school.commune_key) != ((), frozenset()):
        return False
    sector = query.reading.sector or "public"
    schools = [
        school
        for school in block.schools
        if not school.closed
        and not school.attached
        and school.sector in (sector, "")
        and any(levels & vocabulary.PRIMARY for levels in school.levels)
    ]
    return schools == [first.school] and first.score >= 0.7  # noqa: PLR2004 - 0.75, and the level fits
