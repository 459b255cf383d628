"""What becomes of each row, given what is known of its school. Pure: the facts are handed in, nothing is asked.

The file states what each school must have from the lot. So the same file again changes nothing, a higher number gives
the difference, and a lower one is a conflict that only a person can settle.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from imports.enums import APPLICABLE, Verdict
from imports.meanings import Meaning
from imports.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imports.rows import CheckedRow


class SchoolFacts(NamedTuple):
    """What is known of a school that a row names."""

    label: str
    closed: bool
    #: Whether it has classes from CP to CM2.
    elementary: bool
    mailbox: str
    in_remit: bool
    contact: str
    #: Licences it has from the lot.
    held: int


class Situation(NamedTuple):
    """What the rows are judged against."""

    schools: Mapping[str, SchoolFacts]
    #: An empty remit says nothing about who is outside it.
    has_remit: bool
    #: Whether the lot's product serves classes from CP to CM2.
    for_elementary: bool


class JudgedRow(NamedTuple):
    """A row with its verdict."""

    row: CheckedRow
    set_aside: bool
    label: str
    recipient: str
    units_before: int
    verdict: Verdict
    problems: list[Problem]
    ticked: bool


def judge_all(rows: Iterable[tuple[CheckedRow, bool]], situation: Situation) -> list[JudgedRow]:
    """Return each row (given with whether the member put it aside) with its verdict, duplicates compared."""
    rows = list(rows)
    by_school: dict[str, list[CheckedRow]] = defaultdict(list)
    for row, set_aside in rows:
        if row.uai and not row.ignored and not set_aside:
            by_school[row.uai].append(row)
    twice = {uai: same for uai, same in by_school.items() if len(same) > 1}
    return [judge(row, situation, set_aside=set_aside, same_school=twice.get(row.uai, ())) for row, set_aside in rows]


def judge(
    row: CheckedRow, situation: Situation, *, set_aside: bool = False, same_school: Iterable[CheckedRow] = ()
) -> JudgedRow:
    """Return the row with its verdict. `same_school`: all rows of its school, itself among them, if there are many."""
    school = situation.schools.get(row.uai)
    label = (
        school.label
        if school
        else " – ".join(row.cells[meaning] for meaning in (Meaning.NAME, Meaning.COMMUNE) if meaning in row.cells)[:400]
    )
    recipient = row.email or (school.contact or school.mailbox if school else "")
    held = school.held if school else 0
    if row.ignored or set_aside:
        reason = Problem("", "ignored", row.ignored or "Mise de côté : elle ne sera pas appliquée.", blocking=False)
        return JudgedRow(row, set_aside, label, recipient, held, Verdict.IGNORED, [reason], ticked=False)
    problems = list(row.problems)
    others = [other for other in same_school if other.number != row.number]
    if others and all(other.units == row.units for other in others):
        first = min(other.number for other in others)
        if first < row.number:
            reason = Problem("uai", "duplicate", f"Cette école figure déjà à la ligne {first}.", blocking=False)
            return JudgedRow(row, set_aside, label, recipient, held, Verdict.IGNORED, [reason], ticked=False)
    elif others:
        problems.append(_contradiction(others))
    if row.uai:
        problems += _about_school(school, situation)
    if school and not recipient and not any(problem.column == Meaning.EMAIL for problem in problems):
        problems.append(
            Problem(
                "email",
                "no_email",
                "Aucune adresse e-mail n'est connue pour cette école, ni dans le tableau, ni dans votre périmètre, ni "
                "dans l'annuaire : indiquez-en une.",
            )
        )
    if row.repaired:
        problems.append(
            Problem(
                "uai", "repaired", f"UAI rétabli : « {row.cells.get(Meaning.UAI, '')} » lu {row.uai}.", blocking=False
            )
        )
    verdict = _verdict(row.units, held, problems)
    if verdict is Verdict.CONFLICT:
        problems.append(
            Problem(
                "units",
                "lower",
                f"Cette école a déjà {held} licences de ce lot et le tableau en demande {row.units}. Corrigez le "
                "nombre, ou reprenez d'abord l'attribution.",
                blocking=False,
            )
        )
    ticked = verdict in APPLICABLE and not any(problem.code == "no_elementary" for problem in problems)
    return JudgedRow(row, set_aside, label, recipient, held, verdict, problems, ticked)


def _verdict(units: int | None, held: int, problems: Iterable[Problem]) -> Verdict:
    if units is None or any(problem.blocking for problem in problems):
        return Verdict.ERROR
    if held == 0:
        return Verdict.NEW
    if units == held:
        return Verdict.UNCHANGED
    return Verdict.CHANGED if units > held else Verdict.CONFLICT


def _contradiction(others: Iterable[CheckedRow]) -> Problem:
    where = ", ".join(
        f"ligne {other.number} ({other.units if other.units is not None else 'nombre illisible'})" for other in others
    )
    return Problem(
        "uai",
        "duplicate_differs",
        f"Cette école figure aussi avec un autre nombre : {where}. Corrigez-le ou mettez l'une des lignes de côté.",
    )


def _about_school(school: SchoolFacts | None, situation: Situation) -> list[Problem]:
    if school is None:
        return [Problem("uai", "unknown_school", "Cet UAI n'est pas dans l'annuaire des établissements.")]
    problems = []
    if school.closed:
        problems.append(Problem("uai", "closed_school", "Cette école est fermée : indiquez celle qui l'a remplacée."))
    if situation.for_elementary and not school.elementary:
        problems.append(
            Problem(
                "uai",
                "no_elementary",
                "Cet établissement n'a pas de classe du CP au CM2 ; cochez la ligne si vous voulez lui donner des "
                "licences malgré tout.",
                blocking=False,
            )
        )
    if situation.has_remit and not school.in_remit:
        problems.append(Problem("uai", "outside_remit", "Cette école n'est pas dans votre périmètre.", blocking=False))
    return problems
