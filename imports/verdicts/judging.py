"""One row's verdict, and all rows' of a file."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from imports.enums import APPLICABLE, How, Purpose, Verdict
from imports.meanings import Meaning
from imports.problems import Problem
from imports.verdicts import addresses, finding, remit, volumes, wording
from imports.verdicts.codes import SETTLED_BY, UNTICKING
from imports.verdicts.rows import JudgedRow
from imports.verdicts.together import ALONE, gather, lines_of, nothing_between
from imports.verdicts.volumes import OF_THE_ROW, units_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imports.verdicts.rows import Asked
    from imports.verdicts.situation import SchoolFacts, Situation
    from imports.verdicts.together import Repeated, Together

#: Ways of finding a school that are told.
_NOT_AS_IT_STANDS = frozenset({How.NAME.value, How.REPAIRED.value})


def judge_each(rows: Iterable[Asked], situation: Situation) -> Iterator[JudgedRow]:
    """Yield each row of a file, in its order, with its verdict; rows of one school or one address compared.

    One at a time, so that what is judged can be stored while the next is.
    """
    rows = list(rows)
    together = nothing_between(rows, situation) or gather(lines_of(rows, situation))
    for asked in rows:
        yield at_a_glance(asked, situation, together) or judge(asked, situation, together)


def at_a_glance(asked: Asked, situation: Situation, together: Together) -> JudgedRow | None:
    """Return the verdict of a row of which nothing is to be said, None where `judge` must look.

    Most rows of most files are so, and are judged here in a third of the time.
    """
    row, found, set_aside, _, settlement, own_units = asked
    school = situation.schools.get(found.uai)
    if (
        school is None
        or row.problems
        or row.ignored
        or set_aside
        or settlement
        or found.how in _NOT_AS_IT_STANDS
        or situation.purpose is not Purpose.ATTRIBUTION
    ):
        return None
    label, closed, elementary, mailbox, known, held, _ = school
    units = row.units if situation.volume in OF_THE_ROW or own_units else units_of(asked, situation)
    email = row.email
    classes = row.classes
    if known is not None:
        classes = classes if classes is not None else known.classes
        email = email or known.contact_email
    elif situation.has_remit:
        return None
    if (
        closed
        or not (elementary or not situation.for_elementary)
        or not isinstance(units, int)
        or units < held
        or units == 0
        or (classes and units > classes)
        or (email != mailbox and row.email)
        or not (email or mailbox)
        or found.uai in together.same_school
        or (email and email.lower() in together.shared)
        or units >= together.striking
    ):
        return None
    verdict = Verdict.NEW if held == 0 else Verdict.UNCHANGED if units == held else Verdict.CHANGED
    return JudgedRow(asked, label, email or mailbox, units, held, None, verdict, [], verdict is not Verdict.UNCHANGED)


def judge(asked: Asked, situation: Situation, together: Together = ALONE) -> JudgedRow:
    """Return the row with its verdict. `together`: what the rows of its file say together; else it stands alone."""
    row, found = asked.row, asked.school
    school = situation.schools.get(found.uai) if found.uai else None
    if row.ignored or asked.set_aside:
        return _passed_over(asked, school, situation)
    problems = list(row.problems)
    wanted = units_of(asked, situation) if situation.purpose is Purpose.ATTRIBUTION else None
    if isinstance(wanted, Problem):
        problems.append(wanted)
        wanted = None
    if found.uai in together.same_school:
        repeated = _repeated(asked, together.same_school[found.uai], situation)
        if repeated is not None and not repeated.blocking:
            label, recipient, held = _shown(asked, school)
            return JudgedRow(asked, label, recipient, wanted, held, None, Verdict.IGNORED, [repeated], ticked=False)
        problems += [repeated] if repeated is not None else []
    if school is None:
        problems.append(finding.not_found(asked, situation))
    elif found.how in _NOT_AS_IT_STANDS or school.closed or not school.elementary or school.remit is None:
        problems += finding.how_found(asked, school) + finding.about(asked, school, situation)
        if school.closed and not found.proposals and found.uai in situation.successors:
            asked = asked._replace(school=found._replace(proposals=(situation.successors[found.uai],)))
    if row.email and row.email.lower() in together.shared:
        problems.append(addresses.shared(row, found.uai, together.shared[row.email.lower()], situation))
    if situation.purpose is Purpose.REMIT:
        return _for_remit(asked, school, problems)
    return _for_attribution(asked, school, wanted, problems, together)


def _shown(asked: Asked, school: SchoolFacts | None) -> tuple[str, str, int]:
    """Return the name to show, the address that would be written to, and the licences the school has."""
    if school is None:
        cells = asked.row.cells
        named = [cells[meaning] for meaning in (Meaning.NAME, Meaning.COMMUNE) if meaning in cells]
        return " – ".join(named)[:400], asked.row.email, 0
    contact = school.remit.contact_email if school.remit else ""
    return school.label, asked.row.email or contact or school.mailbox, school.held


def _passed_over(asked: Asked, school: SchoolFacts | None, situation: Situation) -> JudgedRow:
    label, recipient, held = _shown(asked, school)
    if asked.row.ignored:
        reason = Problem("", "ignored", asked.row.ignored, blocking=False)
    elif asked.awaited:
        reason = Problem(
            "",
            "awaited",
            f"Gardée de côté jusqu'à ce que l'annuaire connaisse {asked.school.uai or 'son école'} : elle vous sera "
            "alors proposée de nouveau.",
            blocking=False,
        )
    else:
        reason = Problem("", "set_aside", "Mise de côté : elle ne sera pas appliquée.", blocking=False)
    reasons = [reason]
    if asked.school.doubt:
        # Kept with the row: taken back, it is in doubt as it was before.
        reasons.append(finding.not_found(asked, situation)._replace(blocking=False))
    return JudgedRow(asked, label, recipient, None, held, None, Verdict.IGNORED, reasons, ticked=False)


def _repeated(asked: Asked, same_school: Repeated, situation: Situation) -> Problem | None:
    """Return what to say of a school that stands in the file more than once; None on the first of equal rows."""
    row = asked.row
    here = (row.sheet, row.number)
    if same_school.agree:
        first = same_school.lines[0]
        if first.place == here:
            return None
        where = wording.place(first.place, row.sheet, situation.sheets)
        lost = (
            f" L'adresse {row.email} de cette ligne ne sert donc pas."
            if situation.purpose is Purpose.ATTRIBUTION and row.email and row.email.lower() != first.email
            else ""
        )
        return Problem("uai", "duplicate", f"Cette école figure déjà à la {where}.{lost}", blocking=False)
    others = (line for line in same_school.lines if line.place != here)
    count = len(same_school.lines) - 1
    if situation.purpose is Purpose.REMIT:
        where = wording.places((line.place for line in others), count, row.sheet, situation.sheets)
        return Problem(
            "uai",
            "duplicate_differs",
            f"Cette école figure aussi ailleurs avec d'autres renseignements ({where}) : corrigez-les, ou mettez l'une "
            "des lignes de côté.",
        )
    told = [
        f"{wording.place(line.place, row.sheet, situation.sheets)} "
        f"({'nombre illisible' if line.units is None else line.units})"
        for line in islice(others, wording.NAMED)
    ]
    left = count - len(told)
    return Problem(
        "uai",
        "duplicate_differs",
        f"Cette école figure aussi avec un autre nombre : {', '.join(told)}{f' et {left} autres' if left else ''}. "
        "Corrigez-le, ou mettez l'une des lignes de côté.",
    )


def _for_remit(asked: Asked, school: SchoolFacts | None, problems: list[Problem]) -> JudgedRow:
    label = _shown(asked, school)[0]
    problems += remit.unlikely_classes(asked.row)
    before = school.remit if school else None
    verdict, changes = remit.compare(asked.row, before, problems)
    return JudgedRow(
        asked,
        label,
        asked.row.email,
        None,
        0,
        before._asdict() if before else None,
        verdict,
        problems + changes,
        ticked=verdict in APPLICABLE,
    )


def _for_attribution(
    asked: Asked, school: SchoolFacts | None, units: int | None, problems: list[Problem], together: Together
) -> JudgedRow:
    label, recipient, held = _shown(asked, school)
    email = asked.row.email
    if school is None:
        return JudgedRow(asked, label, recipient, units, held, None, Verdict.ERROR, problems, ticked=False)
    if units == 0 and held == 0:
        reason = Problem("units", "nothing_asked", "0 licence demandée : il n'y a rien à attribuer.", blocking=False)
        return JudgedRow(asked, label, recipient, 0, 0, None, Verdict.IGNORED, [reason], ticked=False)
    if not recipient:
        problems += addresses.missing(problems)
    elif email and email != school.mailbox and not addresses.is_known(email, school):
        problems.append(addresses.elsewhere(school))
    if units:
        problems += volumes.implausible(asked, units, school, together)
    verdict = _verdict(units, held, problems)
    if verdict is Verdict.CONFLICT and units is not None:
        problems.append(volumes.lower(units, school))
    if asked.settlement and (
        verdict is not Verdict.CONFLICT or asked.settlement not in SETTLED_BY.get(problems[-1].code, ())
    ):
        # The number or what the school has changed since: there is nothing left to settle in that way.
        asked = asked._replace(settlement="")
    ticked = verdict in APPLICABLE or asked.settlement != ""
    if problems and ticked and not asked.settlement:
        ticked = not any(problem.code in UNTICKING for problem in problems)
    return JudgedRow(asked, label, recipient, units, held, None, verdict, problems, ticked)


def _verdict(units: int | None, held: int, problems: Iterable[Problem]) -> Verdict:
    if units is None or any(problem.blocking for problem in problems):
        return Verdict.ERROR
    if units == held:
        return Verdict.UNCHANGED
    if held == 0:
        return Verdict.NEW
    return Verdict.CHANGED if units > held else Verdict.CONFLICT
