"""Decide the match of a doubtful row from the evidence of its UAI, name and place. Pure."""

import enum
import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from schools import uai
from schools.folding import edit_distance, fold
from schools.recognition import SURE, Proposal, RecognitionMethod, RecognitionResult, SchoolReference, vocabulary
from schools.recognition.candidates import CandidateSchool, SchoolSummary
from schools.recognition.lookup import Lookup, LookupResult, parse_reference
from schools.recognition.name_parser import parse_name, split_distinctive
from schools.recognition.places import ARRONDISSEMENT_CITIES, build_commune_key, get_uai_departement, parse_departement
from schools.recognition.ranking import ADJACENT_LEVEL, RankedSchool, SchoolQuery, compare_levels

# Excludes placeholders: « à créer », « ? », « néant », « n.c. ».
_LIKE_A_CODE = re.compile(r"[0-9]{3}")
# UAI read of one cell.
_MAX_UAIS = 10
#: Confidence of a UAI that was repaired, and that name or place confirms.
REPAIRED: Final = 0.97


class ParsedUaiCell(NamedTuple):
    """The parsed UAI cell."""

    #: The valid UAI in the cell.
    valid: tuple[str, ...]
    #: Whether the single valid UAI was repaired: leading zero restored, O replaced by 0.
    repaired: bool
    #: Where there is none: the valid UAI one edit away.
    near: frozenset[str]
    #: The cell in capitals, without separators; empty for a placeholder.
    text: str

    @property
    def match_method(self) -> RecognitionMethod:
        """The match method for a school matched by this UAI."""
        return RecognitionMethod.REPAIRED if self.repaired else RecognitionMethod.UAI

    @property
    def confidence(self) -> float:
        """The confidence of a school that nothing in the row contradicts."""
        return REPAIRED if self.repaired else 1.0

    @property
    def one(self) -> str:
        """The valid UAI, if there is exactly one, else an empty string."""
        return self.valid[0] if len(self.valid) == 1 else ""


@functools.lru_cache(maxsize=1_000)
def parse_uai_cell(cell: str) -> ParsedUaiCell:
    """Parse a UAI cell."""
    found = uai.find_all(cell)[:_MAX_UAIS]
    text = uai.tidy(cell)
    if len(found) == 1:
        return ParsedUaiCell((found[0],), found[0] not in text, frozenset(), text)
    if found:
        return ParsedUaiCell(tuple(found), repaired=False, near=frozenset(), text=text)
    if _LIKE_A_CODE.search(text) is None:
        return ParsedUaiCell((), repaired=False, near=frozenset(), text="")
    return ParsedUaiCell((), repaired=False, near=uai.find_similar(cell), text=text)


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


#: Minimum number and share of rows that name the school of another row's UAI, for which the UAI column is considered
#: misaligned.
_MIN_MISPLACED: Final = 3
_MIN_MISPLACED_SHARE: Final = 0.1
#: Maximum edit distance of an invalid UAI and the UAI of the school matched by name.
_MAX_DISTANCE: Final = 2
_MAX_PROPOSALS: Final = 3
#: Score of a proposal by UAI only.
_UAI_ONLY_SCORE: Final = 0.5
_FAVOURABLE: Final = frozenset({Evidence.CONFIRMS, Evidence.SILENT})


class RowDecision(NamedTuple):
    """A row's result, with flags for the check of the whole list."""

    result: RecognitionResult
    #: The row's UAI, where it is a school's; else empty.
    read: str = ""
    #: The UAI of the school that the row's name means instead; empty where it means none.
    meant: str = ""
    #: Whether the row's name confirms the school of its UAI, and whether its place does.
    confirmed_by_name: bool = False
    confirmed_by_place: bool = False


def decide_by_uai(row: SchoolReference, code: ParsedUaiCell, school: CandidateSchool) -> RowDecision | None:
    """Return the result for a valid UAI whose school name and place do not contradict.

    None where the name must be looked up.
    """
    query = parse_reference(row)
    name, place = compare_name(query, school), compare_place(query, school)
    if name in _FAVOURABLE and place in _FAVOURABLE and Evidence.CONFIRMS in (name, place):
        return _accept_uai(code, school, name, place)
    if name is Evidence.SILENT and place is Evidence.SILENT and not row.name:
        # Only a UAI, which its check letter proves.
        result = RecognitionResult(school.uai, code.match_method, SURE if code.repaired else 1.0, (), "")
        return RowDecision(result, read=school.uai)
    return None


def decide_row(row: SchoolReference, code: ParsedUaiCell, lookup: Lookup) -> RowDecision:
    """Return the result for a row that was looked up."""
    found = lookup.found(row.key)
    if len(code.valid) > 1:
        return _decide_several_uais(code, found, lookup)
    if code.valid:
        return _decide_single_uai(code, found, lookup)
    if code.text:
        return _decide_damaged_uai(code, found, lookup)
    if found.match is not None and found.match.certain:
        return RowDecision(_match_by_name(found.match))
    if not row.name.strip():
        return RowDecision(_doubt("uai_invalid" if row.uai.strip() else "uai_missing", found))
    return RowDecision(_doubt("ambiguous_school" if found.best else "no_match", found))


def _decide_single_uai(code: ParsedUaiCell, found: LookupResult, lookup: Lookup) -> RowDecision:
    """Check the school of a valid UAI against the row's name and place."""
    school = lookup.school(code.valid[0])
    if school is None:
        # A UAI of six digits may have lost another digit than its leading zero.
        near = _decide_damaged_uai(code, found, lookup) if code.repaired else None
        return near if near is not None and near.result.uai else RowDecision(_doubt("unknown_school", found))
    name, place = compare_name(found.query, school), compare_place(found.query, school)
    if _contradicts_uai(name, place, school, found, lookup):
        meant = [found.match] if found.match is not None else [each for each in found.best if each.sure and each.exact]
        doubt = _doubt("uai_of_another_school", found, second=(school,))
        return RowDecision(doubt, read=school.uai, meant=meant[0].school.uai if meant else "")
    return _accept_uai(code, school, name, place)


def _accept_uai(code: ParsedUaiCell, school: CandidateSchool, name: Evidence, place: Evidence) -> RowDecision:
    named_otherwise = name in (Evidence.DIFFERS, Evidence.DENIES) or place is Evidence.DENIES
    result = RecognitionResult(school.uai, code.match_method, SURE if named_otherwise else code.confidence, (), "")
    return RowDecision(
        result,
        read=school.uai,
        confirmed_by_name=name is Evidence.CONFIRMS,
        confirmed_by_place=place is Evidence.CONFIRMS,
    )


def _contradicts_uai(
    name: Evidence, place: Evidence, school: CandidateSchool, found: LookupResult, lookup: Lookup
) -> bool:
    """Return whether name and place contradict the school of the UAI."""
    if name is Evidence.CONFIRMS and place in (Evidence.CONFIRMS, Evidence.SILENT):
        return False
    if place is Evidence.DENIES and (name is not Evidence.CONFIRMS or lookup.far(found.query, school)):
        return True
    meant = found.match.school if found.match is not None else None
    if meant is not None and meant is not school:
        # « Georges Brassens » in a list of collèges is not the lycée of the same name.
        same_kind = found.query.reading.levels or found.query.reading.is_unspecified_level or _same_kind(meant, school)
        return bool(same_kind) and (school.closed or not meant.closed)
    if place is Evidence.SILENT and name is Evidence.DIFFERS:
        # No place confirms the UAI, and the name matches other schools exactly.
        return any(each.sure and each.exact for each in found.best)
    return False


def _same_kind(one: CandidateSchool, other: CandidateSchool) -> bool:
    return any(left & right for left in map(_level_group, one.levels) for right in map(_level_group, other.levels))


def _level_group(levels: int) -> int:
    return levels | (vocabulary.PRIMARY if levels & vocabulary.PRIMARY else 0)


def _decide_several_uais(code: ParsedUaiCell, found: LookupResult, lookup: Lookup) -> RowDecision:
    """Several UAI in one cell: accept the only one of an open school."""
    schools = [school for each in code.valid if (school := lookup.school(each)) is not None]
    open_schools = [school for school in schools if not school.closed]
    if len(open_schools) == 1 and _favourable(found, open_schools[0]):
        return RowDecision(RecognitionResult(open_schools[0].uai, RecognitionMethod.REPAIRED, REPAIRED, (), ""))
    return RowDecision(_doubt("multiple_uais", found, first=schools))


def _decide_damaged_uai(code: ParsedUaiCell, found: LookupResult, lookup: Lookup) -> RowDecision:
    """An invalid UAI: accept the only school one edit away that name or place confirms."""
    near = [school for each in sorted(code.near) if (school := lookup.school(each)) is not None]
    confirmed = [school for school in near if _favourable(found, school) and _confirmed(found, school)]
    meant = found.match.school if found.match is not None else None
    if meant in confirmed:
        confirmed = [school for school in confirmed if school is meant]
    # Without a distinctive name only the place confirms, which neighbours share: then there must be one candidate.
    unambiguous = len(confirmed) == 1 and (
        len(near) == 1 or compare_name(found.query, confirmed[0]) is Evidence.CONFIRMS
    )
    if unambiguous and meant in (None, confirmed[0]):
        return RowDecision(RecognitionResult(confirmed[0].uai, RecognitionMethod.REPAIRED, REPAIRED, (), ""))
    if found.match is not None and _is_near(code.text, found.match.school.uai):
        return RowDecision(_match_by_name(found.match))
    if found.match is not None and found.match.certain and not code.near:
        # A telephone number, or a number of another register.
        return RowDecision(_match_by_name(found.match))
    return RowDecision(_doubt("uncertain_repair" if near else "uai_invalid", found, first=confirmed, last=near))


def _is_near(text: str, uai: str) -> bool:
    """Return whether an invalid UAI is within edit distance 1, or 2 with the right check letter."""
    return edit_distance(text, uai) <= (_MAX_DISTANCE if text[-1:] == uai[-1] else 1)


def _favourable(found: LookupResult, school: CandidateSchool) -> bool:
    return {compare_name(found.query, school), compare_place(found.query, school)} <= _FAVOURABLE


def _confirmed(found: LookupResult, school: CandidateSchool) -> bool:
    return Evidence.CONFIRMS in (compare_name(found.query, school), compare_place(found.query, school))


def decide_list(
    names: Mapping[int, str],
    sure: dict[int, RecognitionResult],
    decisions: Mapping[int, RowDecision],
    summaries: Mapping[str, SchoolSummary],
) -> dict[int, RecognitionResult]:
    """Return the results by row key; where the UAI column looks misaligned, none is accepted by UAI alone.

    It does where many rows name the school of another row's UAI. A name that means no school of the list is merely
    old, or the directory's is.

    `names`: as written, by row key. `sure`: results of the fast path; `decisions`: the others.
    """
    read = {each.uai for each in sure.values()} | {each.read for each in decisions.values()} - {""}
    checked = len(sure) + sum(bool(each.read) for each in decisions.values())
    misplaced = sum(each.meant in read for each in decisions.values())
    results = sure | {key: each.result for key, each in decisions.items()}
    if misplaced < _MIN_MISPLACED or misplaced < _MIN_MISPLACED_SHARE * checked:
        return results
    # A place tells a school where the list has no other of the same commune.
    communes = Counter(summaries[uai].commune_key for uai in read)
    for key, name in names.items():
        result, decision = results[key], decisions.get(key)
        if not result.uai or (decision is not None and not decision.read):
            continue
        by_place = decision is not None and decision.confirmed_by_place
        by_place = by_place and communes[summaries[result.uai].commune_key] == 1
        confirmed = decision is None or decision.confirmed_by_name or by_place
        if not (confirmed and is_distinctive(name)):
            proposal = Proposal(result.uai, summaries[result.uai].label, result.confidence)
            results[key] = RecognitionResult("", None, 0.0, (proposal,), "unconfirmed_uai")
    return results


def _match_by_name(meant: RankedSchool) -> RecognitionResult:
    return RecognitionResult(meant.school.uai, RecognitionMethod.NAME, max(meant.confidence, SURE), (), "")


def _doubt(
    doubt_code: str,
    found: LookupResult,
    *,
    first: Iterable[CandidateSchool] = (),
    second: Iterable[CandidateSchool] = (),
    last: Iterable[CandidateSchool] = (),
) -> RecognitionResult:
    """Return a doubt with proposals, in order: `first`, the best candidate, `second`, the other candidates, `last`."""
    best = found.best if found.match is None else (found.match, *found.best)
    scores = {each.school.uai: each.score for each in reversed(best)}
    ranked = [each.school for each in best]
    ordered = {school.uai: school for school in (*first, *ranked[:1], *second, *ranked[1:], *last)}
    proposals = tuple(
        Proposal(school.uai, school.label, round(min(scores.get(school.uai, _UAI_ONLY_SCORE), 1.0), 3))
        for school in list(ordered.values())[:_MAX_PROPOSALS]
    )
    return RecognitionResult("", None, 0.0, proposals, doubt_code)
