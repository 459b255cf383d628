"""Decide the match of a doubtful row from the evidence of its UAI, name and place. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schools.folding import slips
from schools.recognition import vocabulary
from schools.recognition.answers import How, Proposal, Recognised
from schools.recognition.confirming import Word, by_name, by_place, tells
from schools.recognition.lookup import asked_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schools.recognition.answers import Named
    from schools.recognition.codes import Code
    from schools.recognition.known import Glance, Known
    from schools.recognition.lookup import Found, Lookup
    from schools.recognition.ranking import Ranked

#: Minimum number and share of contradicted UAI for which the UAI column is considered misaligned.
_MIN_SUSPECTS: Final = 3
_MIN_SUSPECT_SHARE: Final = 0.1
#: Maximum edit distance of an invalid UAI and the UAI of the school matched by name.
_MAX_DISTANCE: Final = 2
_MAX_PROPOSALS: Final = 3
#: Minimum confidence of a match confirmed by its name.
_CONFIRMED_BY_NAME: Final = 0.94
#: Score of a proposal by UAI only.
_UAI_ONLY_SCORE: Final = 0.5
_UNFAVOURABLE: Final = frozenset({Word.DIFFERS, Word.DENIES})
_FAVOURABLE: Final = frozenset({Word.CONFIRMS, Word.SILENT})


class Settled(NamedTuple):
    """A row's result, with flags for the check of the whole list."""

    answer: Recognised
    #: The row's UAI is a school's.
    checked: bool = False
    #: The row's name contradicts the school, and its place does not confirm it.
    suspect: bool = False


def plainly(row: Named, code: Code, school: Known) -> Settled | None:
    """Return the result for a valid UAI whose school name and place do not contradict.

    None where the name must be looked up.
    """
    asked = asked_of(row)
    name, place = by_name(asked, school), by_place(asked, school)
    if name in _FAVOURABLE and place in _FAVOURABLE and Word.CONFIRMS in (name, place):
        return _accept_uai(code, school, name, place)
    if name is Word.SILENT and place is Word.SILENT and not row.name:
        # Only a UAI, which its check letter proves.
        answer = Recognised(school.uai, code.how, 0.9 if code.repaired else 1.0, (), "")
        return Settled(answer, checked=True)
    return None


def settle(row: Named, code: Code, lookup: Lookup) -> Settled:
    """Return the result for a row that was looked up."""
    found = lookup.found(row.key)
    if len(code.valid) > 1:
        return _decide_several_uais(code, found, lookup)
    if code.valid:
        return _decide_single_uai(code, found, lookup)
    if code.text:
        return _decide_damaged_uai(code, found, lookup)
    if found.meant is not None:
        return Settled(_match_by_name(found.meant))
    if not row.name.strip():
        return Settled(_doubt("uai_invalid" if row.uai.strip() else "uai_missing", found))
    return Settled(_doubt("several_schools" if found.likeliest else "no_match", found))


def _decide_single_uai(code: Code, found: Found, lookup: Lookup) -> Settled:
    """Check the school of a valid UAI against the row's name and place."""
    school = lookup.school(code.valid[0])
    if school is None:
        # A UAI of six digits may have lost another digit than its leading zero.
        near = _decide_damaged_uai(code, found, lookup) if code.repaired else None
        return near if near is not None and near.answer.uai else Settled(_doubt("unknown_school", found))
    name, place = by_name(found.asked, school), by_place(found.asked, school)
    if _contradicts_uai(name, place, school, found, lookup):
        return Settled(_doubt("other_school", found, second=(school,)), checked=True, suspect=True)
    return _accept_uai(code, school, name, place)


def _accept_uai(code: Code, school: Known, name: Word, place: Word) -> Settled:
    confidence = {Word.CONFIRMS: 0.98, Word.SILENT: 0.92, Word.DENIES: 0.8, Word.DIFFERS: 0.75}[name]
    confidence -= {Word.CONFIRMS: 0.0, Word.SILENT: 0.02, Word.DENIES: 0.15, Word.DIFFERS: 0.1}[place]
    if code.repaired:
        confidence -= 0.02
    answer = Recognised(school.uai, code.how, round(confidence, 3), (), "")
    return Settled(answer, checked=True, suspect=name in _UNFAVOURABLE and place is not Word.CONFIRMS)


def _contradicts_uai(name: Word, place: Word, school: Known, found: Found, lookup: Lookup) -> bool:
    """Return whether name and place contradict the school of the UAI."""
    if name is Word.CONFIRMS and place in (Word.CONFIRMS, Word.SILENT):
        return False
    if place is Word.DENIES and (name is not Word.CONFIRMS or lookup.far(found.asked, school)):
        return True
    meant = found.meant.school if found.meant is not None else None
    if meant is not None and meant is not school:
        # « Georges Brassens » in a list of collèges is not the lycée of the same name.
        same_kind = found.asked.reading.levels or found.asked.reading.either or _same_kind(meant, school)
        return bool(same_kind) and (school.closed or not meant.closed)
    if place is Word.SILENT and name is Word.DIFFERS:
        # No place confirms the UAI, and the name matches other schools exactly.
        return any(each.sure and each.exact for each in found.likeliest)
    return False


def _same_kind(one: Known, other: Known) -> bool:
    return any(left & right for left in map(_level_group, one.levels) for right in map(_level_group, other.levels))


def _level_group(levels: int) -> int:
    return levels | (vocabulary.PRIMARY if levels & vocabulary.PRIMARY else 0)


def _decide_several_uais(code: Code, found: Found, lookup: Lookup) -> Settled:
    """Several UAI in one cell: accept the only one of an open school."""
    schools = [school for each in code.valid if (school := lookup.school(each)) is not None]
    open_schools = [school for school in schools if not school.closed]
    if len(open_schools) == 1 and _favourable(found, open_schools[0]):
        return Settled(Recognised(open_schools[0].uai, How.REPAIRED, 0.9, (), ""))
    return Settled(_doubt("uai_twice", found, first=schools))


def _decide_damaged_uai(code: Code, found: Found, lookup: Lookup) -> Settled:
    """An invalid UAI: accept the only school one edit away that name or place confirms."""
    near = [school for each in sorted(code.near) if (school := lookup.school(each)) is not None]
    confirmed = [school for school in near if _favourable(found, school) and _confirmed(found, school)]
    meant = found.meant.school if found.meant is not None else None
    if meant in confirmed:
        confirmed = [school for school in confirmed if school is meant]
    # Without a distinctive name only the place confirms, which neighbours share: then there must be one candidate.
    unambiguous = len(confirmed) == 1 and (len(near) == 1 or by_name(found.asked, confirmed[0]) is Word.CONFIRMS)
    if unambiguous and meant in (None, confirmed[0]):
        return Settled(Recognised(confirmed[0].uai, How.REPAIRED, 0.9, (), ""))
    if found.meant is not None and _is_near(code.text, found.meant.school.uai):
        return Settled(_match_by_name(found.meant))
    return Settled(_doubt("repair_unsure" if near else "uai_invalid", found, first=confirmed, last=near))


def _is_near(text: str, uai: str) -> bool:
    """Return whether an invalid UAI is within edit distance 1, or 2 with the right check letter."""
    return slips(text, uai) <= (_MAX_DISTANCE if text[-1:] == uai[-1] else 1)


def _favourable(found: Found, school: Known) -> bool:
    return {by_name(found.asked, school), by_place(found.asked, school)} <= _FAVOURABLE


def _confirmed(found: Found, school: Known) -> bool:
    return Word.CONFIRMS in (by_name(found.asked, school), by_place(found.asked, school))


def settle_whole_list(
    rows: Sequence[Named], sure: dict[int, Recognised], settled: Mapping[int, Settled], glances: Mapping[str, Glance]
) -> dict[int, Recognised]:
    """Return the results by row key; where the UAI column looks misaligned, none is accepted by UAI alone.

    `sure`: results of the fast path; `settled`: the others.
    """
    checked = len(sure) + sum(each.checked for each in settled.values())
    suspects = sum(each.suspect for each in settled.values())
    if suspects < _MIN_SUSPECTS or suspects < _MIN_SUSPECT_SHARE * checked:
        return sure | {key: each.answer for key, each in settled.items()}
    return {row.key: _require_name(row, sure.get(row.key), settled, glances) for row in rows}


def _require_name(
    row: Named, sure: Recognised | None, settled: Mapping[int, Settled], glances: Mapping[str, Glance]
) -> Recognised:
    """Return the result of a row in a list with a misaligned UAI column: confirmed by name, or a doubt."""
    answer, checked = (sure, True) if sure is not None else (settled[row.key].answer, settled[row.key].checked)
    if not checked or not answer.uai or (answer.confidence >= _CONFIRMED_BY_NAME and tells(row.name)):
        return answer
    proposal = Proposal(answer.uai, glances[answer.uai].label, answer.confidence)
    return Recognised("", None, 0.0, (proposal,), "not_confirmed")


def _match_by_name(meant: Ranked) -> Recognised:
    return Recognised(meant.school.uai, How.NAME, round(min(meant.score, 1.0), 3), (), "")


def _doubt(
    doubt: str, found: Found, *, first: Iterable[Known] = (), second: Iterable[Known] = (), last: Iterable[Known] = ()
) -> Recognised:
    """Return a doubt with proposals, in order: `first`, the best candidate, `second`, the other candidates, `last`."""
    scores = {each.school.uai: each.score for each in found.likeliest}
    ranked = [each.school for each in found.likeliest]
    ordered = {school.uai: school for school in (*first, *ranked[:1], *second, *ranked[1:], *last)}
    proposals = tuple(
        Proposal(school.uai, school.label, round(min(scores.get(school.uai, _UAI_ONLY_SCORE), 1.0), 3))
        for school in list(ordered.values())[:_MAX_PROPOSALS]
    )
    return Recognised("", None, 0.0, proposals, doubt)
