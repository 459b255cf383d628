"""Decide the match of a doubtful row from the evidence of its UAI, name and place. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from schools.folding import edit_distance
from schools.recognition import vocabulary
from schools.recognition.candidates import CandidateSchool, SchoolSummary
from schools.recognition.evidence import Evidence, compare_name, compare_place, is_distinctive
from schools.recognition.lookup import Lookup, LookupResult, parse_reference
from schools.recognition.ranking import RankedSchool
from schools.recognition.results import Proposal, RecognitionMethod, RecognitionResult, SchoolReference
from schools.recognition.uai_cells import ParsedUaiCell

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
        result = RecognitionResult(school.uai, code.match_method, 0.9 if code.repaired else 1.0, (), "")
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
    if found.match is not None:
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
    confidence = {Evidence.CONFIRMS: 0.98, Evidence.SILENT: 0.92, Evidence.DENIES: 0.8, Evidence.DIFFERS: 0.75}[name]
    confidence -= {Evidence.CONFIRMS: 0.0, Evidence.SILENT: 0.02, Evidence.DENIES: 0.15, Evidence.DIFFERS: 0.1}[place]
    if code.repaired:
        confidence -= 0.02
    result = RecognitionResult(school.uai, code.match_method, round(confidence, 3), (), "")
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
        return RowDecision(RecognitionResult(open_schools[0].uai, RecognitionMethod.REPAIRED, 0.9, (), ""))
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
        return RowDecision(RecognitionResult(confirmed[0].uai, RecognitionMethod.REPAIRED, 0.9, (), ""))
    if found.match is not None and _is_near(code.text, found.match.school.uai):
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
    rows: Sequence[SchoolReference],
    sure: dict[int, RecognitionResult],
    decisions: Mapping[int, RowDecision],
    summaries: Mapping[str, SchoolSummary],
) -> dict[int, RecognitionResult]:
    """Return the results by row key; where the UAI column looks misaligned, none is accepted by UAI alone.

    It does where many rows name the school of another row's UAI. A name that means no school of the list is merely
    old, or the directory's is.

    `sure`: results of the fast path; `decisions`: the others.
    """
    read = {each.uai for each in sure.values()} | {each.read for each in decisions.values()} - {""}
    checked = len(sure) + sum(bool(each.read) for each in decisions.values())
    misplaced = sum(each.meant in read for each in decisions.values())
    results = sure | {key: each.result for key, each in decisions.items()}
    if misplaced < _MIN_MISPLACED or misplaced < _MIN_MISPLACED_SHARE * checked:
        return results
    # A place tells a school where the list has no other of the same commune.
    communes = Counter(summaries[uai].commune_key for uai in read)
    for row in rows:
        result, decision = results[row.key], decisions.get(row.key)
        if not result.uai or (decision is not None and not decision.read):
            continue
        by_place = decision is not None and decision.confirmed_by_place
        by_place = by_place and communes[summaries[result.uai].commune_key] == 1
        confirmed = decision is None or decision.confirmed_by_name or by_place
        if not (confirmed and is_distinctive(row.name)):
            proposal = Proposal(result.uai, summaries[result.uai].label, result.confidence)
            results[row.key] = RecognitionResult("", None, 0.0, (proposal,), "unconfirmed_uai")
    return results


def _match_by_name(meant: RankedSchool) -> RecognitionResult:
    return RecognitionResult(meant.school.uai, RecognitionMethod.NAME, meant.confidence, (), "")


def _doubt(
    doubt_code: str,
    found: LookupResult,
    *,
    first: Iterable[CandidateSchool] = (),
    second: Iterable[CandidateSchool] = (),
    last: Iterable[CandidateSchool] = (),
) -> RecognitionResult:
    """Return a doubt with proposals, in order: `first`, the best candidate, `second`, the other candidates, `last`."""
    scores = {each.school.uai: each.score for each in found.best}
    ranked = [each.school for each in found.best]
    ordered = {school.uai: school for school in (*first, *ranked[:1], *second, *ranked[1:], *last)}
    proposals = tuple(
        Proposal(school.uai, school.label, round(min(scores.get(school.uai, _UAI_ONLY_SCORE), 1.0), 3))
        for school in list(ordered.values())[:_MAX_PROPOSALS]
    )
    return RecognitionResult("", None, 0.0, proposals, doubt_code)
