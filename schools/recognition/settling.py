"""What becomes of a row that needs a second look: its UAI, its name and its place weighed against one another. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schools.folding import slips
from schools.recognition import vocabulary as said
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

#: A list of which so many rows, and such a share, give another school's UAI has a column that was sorted alone.
_FEWEST: Final = 3
_SHARE: Final = 0.1
#: Slips between a UAI that is none and that of the school which the name says.
_NEAR: Final = 2
_MOST_PROPOSALS: Final = 3
#: The confidence from which on a school is confirmed by its name, where the row has one.
_NAMED: Final = 0.94
#: What a proposal is worth that a UAI alone speaks for.
_UNRANKED: Final = 0.5
_UNLIKE: Final = frozenset({Word.DIFFERS, Word.DENIES})
_FAVOURABLE: Final = frozenset({Word.CONFIRMS, Word.SILENT})


class Settled(NamedTuple):
    """A row's answer, and what the rule about whole lists needs of it."""

    answer: Recognised
    #: The row's own UAI is a school's.
    checked: bool = False
    #: The row's name is not the school's, and its place does not say that it is.
    suspect: bool = False


def plainly(row: Named, code: Code, school: Known) -> Settled | None:
    """Return the answer for a row of one valid UAI whose name and place say nothing against the school.

    None where the name has to be looked up.
    """
    asked = asked_of(row)
    name, place = by_name(asked, school), by_place(asked, school)
    if name in _FAVOURABLE and place in _FAVOURABLE and Word.CONFIRMS in (name, place):
        return _accepted(code, school, name, place)
    if name is Word.SILENT and place is Word.SILENT and not row.name:
        # Nothing is said but the UAI, whose letter proves it.
        answer = Recognised(school.uai, code.how, 0.9 if code.repaired else 1.0, (), "")
        return Settled(answer, checked=True)
    return None


def settle(row: Named, code: Code, lookup: Lookup) -> Settled:
    """Return what a row means. Its look-up was made."""
    found = lookup.found(row.key)
    if len(code.valid) > 1:
        return _of_several(code, found, lookup)
    if code.valid:
        return _of_one(code, found, lookup)
    if code.text:
        return _of_damaged(code, found, lookup)
    if found.meant is not None:
        return Settled(_by_name(found.meant))
    if not row.name.strip():
        return Settled(_doubt("uai_invalid" if row.uai.strip() else "uai_missing", found))
    return Settled(_doubt("several_schools" if found.likeliest else "no_match", found))


def _of_one(code: Code, found: Found, lookup: Lookup) -> Settled:
    """Weigh the school of a valid UAI against what the row says beside it."""
    school = lookup.school(code.valid[0])
    if school is None:
        # Six digits may have lost another than their zero.
        near = _of_damaged(code, found, lookup) if code.repaired else None
        return near if near is not None and near.answer.uai else Settled(_doubt("unknown_school", found))
    name, place = by_name(found.asked, school), by_place(found.asked, school)
    if _says_another(name, place, school, found, lookup):
        return Settled(_doubt("other_school", found, second=(school,)), checked=True, suspect=True)
    return _accepted(code, school, name, place)


def _accepted(code: Code, school: Known, name: Word, place: Word) -> Settled:
    confidence = {Word.CONFIRMS: 0.98, Word.SILENT: 0.92, Word.DENIES: 0.8, Word.DIFFERS: 0.75}[name]
    confidence -= {Word.CONFIRMS: 0.0, Word.SILENT: 0.02, Word.DENIES: 0.15, Word.DIFFERS: 0.1}[place]
    if code.repaired:
        confidence -= 0.02
    answer = Recognised(school.uai, code.how, round(confidence, 3), (), "")
    return Settled(answer, checked=True, suspect=name in _UNLIKE and place is not Word.CONFIRMS)


def _says_another(name: Word, place: Word, school: Known, found: Found, lookup: Lookup) -> bool:
    """Whether name and place speak of another school than the one of the UAI."""
    if name is Word.CONFIRMS and place in (Word.CONFIRMS, Word.SILENT):
        return False
    if place is Word.DENIES and (name is not Word.CONFIRMS or lookup.far(found.asked, school)):
        return True
    meant = found.meant.school if found.meant is not None else None
    if meant is not None and meant is not school:
        # « Georges Brassens » in a list of collèges is not the lycée of the name.
        kin = found.asked.reading.levels or found.asked.reading.either or _of_one_kind(meant, school)
        return bool(kin) and (school.closed or not meant.closed)
    if place is Word.SILENT and name is Word.DIFFERS:
        # No place speaks for the UAI, and the name is that of several other schools.
        return any(each.sure and each.exact for each in found.likeliest)
    return False


def _of_one_kind(one: Known, other: Known) -> bool:
    return any(mine & its for mine in map(_kind, one.levels) for its in map(_kind, other.levels))


def _kind(levels: int) -> int:
    return levels | (said.PRIMARY if levels & said.PRIMARY else 0)


def _of_several(code: Code, found: Found, lookup: Lookup) -> Settled:
    """Two UAI in one cell: the one that is a school's, where the other is not."""
    schools = [school for each in code.valid if (school := lookup.school(each)) is not None]
    living = [school for school in schools if not school.closed]
    if len(living) == 1 and _favourable(found, living[0]):
        return Settled(Recognised(living[0].uai, How.REPAIRED, 0.9, (), ""))
    return Settled(_doubt("uai_twice", found, first=schools))


def _of_damaged(code: Code, found: Found, lookup: Lookup) -> Settled:
    """A UAI that is none: the one school that a slip explains and that the row's name or place confirms."""
    near = [school for each in sorted(code.near) if (school := lookup.school(each)) is not None]
    confirmed = [school for school in near if _favourable(found, school) and _confirmed(found, school)]
    meant = found.meant.school if found.meant is not None else None
    if meant in confirmed:
        confirmed = [school for school in confirmed if school is meant]
    # A name that is silent leaves the place to speak, which a neighbour shares: then no other may be explained.
    plain = len(confirmed) == 1 and (len(near) == 1 or by_name(found.asked, confirmed[0]) is Word.CONFIRMS)
    if plain and meant in (None, confirmed[0]):
        return Settled(Recognised(confirmed[0].uai, How.REPAIRED, 0.9, (), ""))
    if found.meant is not None and _is_near(code.text, found.meant.school.uai):
        return Settled(_by_name(found.meant))
    return Settled(_doubt("repair_unsure" if near else "uai_invalid", found, first=confirmed, last=near))


def _is_near(text: str, uai: str) -> bool:
    """Whether a UAI that is none may be a school's: one slip away, or two where its letter is right."""
    return slips(text, uai) <= (_NEAR if text[-1:] == uai[-1] else 1)


def _favourable(found: Found, school: Known) -> bool:
    return {by_name(found.asked, school), by_place(found.asked, school)} <= _FAVOURABLE


def _confirmed(found: Found, school: Known) -> bool:
    return Word.CONFIRMS in (by_name(found.asked, school), by_place(found.asked, school))


def settle_whole_list(
    rows: Sequence[Named], sure: dict[int, Recognised], settled: Mapping[int, Settled], glances: Mapping[str, Glance]
) -> dict[int, Recognised]:
    """Return the answers by the rows' keys, none by its UAI alone where the list's column was sorted alone.

    `sure`: those whose UAI was checked against the rest of the row at a glance; `settled`: the others.
    """
    checked = len(sure) + sum(each.checked for each in settled.values())
    suspects = sum(each.suspect for each in settled.values())
    if suspects < _FEWEST or suspects < _SHARE * checked:
        return sure | {key: each.answer for key, each in settled.items()}
    return {row.key: _confirmed_alone(row, sure.get(row.key), settled, glances) for row in rows}


def _confirmed_alone(
    row: Named, sure: Recognised | None, settled: Mapping[int, Settled], glances: Mapping[str, Glance]
) -> Recognised:
    """Return a row's answer as it stands in a list whose UAI are not to be trusted: by the name, or not at all."""
    answer, checked = (sure, True) if sure is not None else (settled[row.key].answer, settled[row.key].checked)
    if not checked or not answer.uai or (answer.confidence >= _NAMED and tells(row.name)):
        return answer
    proposal = Proposal(answer.uai, glances[answer.uai].label, answer.confidence)
    return Recognised("", None, 0.0, (proposal,), "not_confirmed")


def _by_name(meant: Ranked) -> Recognised:
    return Recognised(meant.school.uai, How.NAME, round(min(meant.score, 1.0), 3), (), "")


def _doubt(
    doubt: str, found: Found, *, first: Iterable[Known] = (), second: Iterable[Known] = (), last: Iterable[Known] = ()
) -> Recognised:
    """Return a doubt with its proposals: `first`, the likeliest of the look-up with `second` after its best, `last`."""
    scores = {each.school.uai: each.score for each in found.likeliest}
    ranked = [each.school for each in found.likeliest]
    ordered = {school.uai: school for school in (*first, *ranked[:1], *second, *ranked[1:], *last)}
    proposals = tuple(
        Proposal(school.uai, school.label, round(min(scores.get(school.uai, _UNRANKED), 1.0), 3))
        for school in list(ordered.values())[:_MOST_PROPOSALS]
    )
    return Recognised("", None, 0.0, proposals, doubt)
