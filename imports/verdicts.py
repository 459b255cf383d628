"""What becomes of each row, given what is known of its school. Pure: the facts are handed in, nothing is asked.

The file states what each school must have from the lot. So the same file again changes nothing, a higher number gives
the difference, and a lower one is a conflict that only a person can settle.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from imports.enums import APPLICABLE, How, Purpose, Verdict, Volume
from imports.meanings import Meaning
from imports.problems import Problem

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from imports.resolving import Resolved
    from imports.rows import CheckedRow


class RemitFacts(NamedTuple):
    """What the remit says of a school."""

    contact_name: str
    contact_email: str
    contact_phone: str
    classes: int | None


class SchoolFacts(NamedTuple):
    """What is known of a school that a row names."""

    label: str
    closed: bool
    #: Whether it has classes from CP to CM2.
    elementary: bool
    mailbox: str
    #: None where the school is not in the remit.
    remit: RemitFacts | None
    #: Licences it has from the lot, and since when its key is redeemed.
    held: int
    redeemed_at: datetime.datetime | None


class Situation(NamedTuple):
    """What the rows are judged against."""

    purpose: Purpose
    schools: Mapping[str, SchoolFacts]
    #: An empty remit says nothing about who is outside it.
    has_remit: bool
    #: Whether the lot's product serves classes from CP to CM2.
    for_elementary: bool
    #: What says how many licences, and the one number for all where that does.
    volume: Volume | None
    units_for_all: int | None


class Asked(NamedTuple):
    """A row with its school, and what the member decided about it."""

    row: CheckedRow
    school: Resolved
    set_aside: bool = False
    #: Kept until the directory knows the school.
    awaited: bool = False
    settlement: str = ""
    #: Whether the member typed a number for this row, which then stands before the one for all.
    own_units: bool = False


class JudgedRow(NamedTuple):
    """A row with its verdict."""

    asked: Asked
    label: str
    recipient: str
    units: int | None
    units_before: int
    #: What the remit said, for the purpose « périmètre ».
    before: dict[str, Any] | None
    verdict: Verdict
    problems: list[Problem]
    ticked: bool


def judge_all(rows: Iterable[Asked], situation: Situation) -> list[JudgedRow]:
    """Return each row with its verdict, rows of one school compared."""
    rows = list(rows)
    by_school: dict[str, list[Asked]] = defaultdict(list)
    for asked in rows:
        if asked.school.uai and not asked.row.ignored and not asked.set_aside:
            by_school[asked.school.uai].append(asked)
    twice = {uai: same for uai, same in by_school.items() if len(same) > 1}
    return [judge(asked, situation, same_school=twice.get(asked.school.uai, ())) for asked in rows]


def units_of(asked: Asked, situation: Situation) -> int | Problem | None:
    """Return how many licences a row asks for, or what is wrong with that; None where its cell was at fault already."""
    if situation.volume is Volume.ALL and not asked.own_units:
        return situation.units_for_all
    if situation.volume is Volume.REMIT and not asked.own_units:
        school = situation.schools.get(asked.school.uai)
        classes = school.remit.classes if school and school.remit else None
        if not classes:
            return Problem(
                "units",
                "no_classes_known",
                "Votre périmètre ne dit pas combien de classes a cette école : indiquez un nombre de licences.",
            )
        return classes
    return asked.row.units


def judge(asked: Asked, situation: Situation, *, same_school: Iterable[Asked] = ()) -> JudgedRow:
    """Return the row with its verdict. `same_school`: all rows of its school, itself among them, if there are many."""
    row = asked.row
    school = situation.schools.get(asked.school.uai)
    label = (
        school.label
        if school
        else " – ".join(row.cells[meaning] for meaning in (Meaning.NAME, Meaning.COMMUNE) if meaning in row.cells)[:400]
    )
    contact = school.remit.contact_email if school and school.remit else ""
    recipient = row.email or (contact or school.mailbox if school else "")
    held = school.held if school else 0
    if row.ignored or asked.set_aside:
        reason = Problem("", "ignored", row.ignored or "Mise de côté : elle ne sera pas appliquée.", blocking=False)
        return JudgedRow(asked, label, recipient, None, held, None, Verdict.IGNORED, [reason], ticked=False)
    problems = list(row.problems)
    wanted = units_of(asked, situation) if situation.purpose is Purpose.ATTRIBUTION else None
    if isinstance(wanted, Problem):
        problems.append(wanted)
    units = wanted if isinstance(wanted, int) else None
    others = [other for other in same_school if _place(other) != _place(asked)]
    if others and all(units_of(other, situation) == units for other in others):
        first = min(map(_place, others))
        if first < _place(asked):
            reason = Problem("uai", "duplicate", f"Cette école figure déjà à la ligne {first[1]}.", blocking=False)
            return JudgedRow(asked, label, recipient, units, held, None, Verdict.IGNORED, [reason], ticked=False)
    elif others:
        problems.append(_contradiction(others, situation))
    problems += _about_school(asked, school, situation)
    if situation.purpose is Purpose.REMIT:
        return _judge_for_remit(asked, school, label, problems)
    if school and not recipient and not any(problem.column == Meaning.EMAIL for problem in problems):
        problems.append(
            Problem(
                "email",
                "no_email",
                "Aucune adresse e-mail n'est connue pour cette école, ni dans le tableau, ni dans votre périmètre, ni "
                "dans l'annuaire : indiquez-en une.",
            )
        )
    verdict = _verdict(units, held, problems)
    if verdict is Verdict.CONFLICT:
        problems.append(
            Problem(
                "units",
                "lower",
                f"Cette école a déjà {held} licences de ce lot et le tableau en demande {units}. Corrigez le "
                "nombre, ou reprenez d'abord l'attribution.",
                blocking=False,
            )
        )
    ticked = verdict in APPLICABLE and not any(problem.code == "no_elementary" for problem in problems)
    return JudgedRow(asked, label, recipient, units, held, None, verdict, problems, ticked)


def _place(asked: Asked) -> tuple[int, int]:
    return (asked.row.sheet, asked.row.number)


def _judge_for_remit(asked: Asked, school: SchoolFacts | None, label: str, problems: list[Problem]) -> JudgedRow:
    row = asked.row
    before = school.remit._asdict() if school and school.remit else None
    said = {
        "contact_name": row.contact_name,
        "contact_email": row.email,
        "contact_phone": row.phone,
        "classes": row.classes,
    }
    if any(problem.blocking for problem in problems):
        verdict = Verdict.ERROR
    elif before is None:
        verdict = Verdict.NEW
    else:
        # What the file does not say stays as it is.
        changes = any(value not in ("", None) and before[field] != value for field, value in said.items())
        verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
    return JudgedRow(asked, label, row.email, None, 0, before, verdict, problems, ticked=verdict in APPLICABLE)


def _verdict(units: int | None, held: int, problems: Iterable[Problem]) -> Verdict:
    if units is None or any(problem.blocking for problem in problems):
        return Verdict.ERROR
    if held == 0:
        return Verdict.NEW
    if units == held:
        return Verdict.UNCHANGED
    return Verdict.CHANGED if units > held else Verdict.CONFLICT


def _contradiction(others: Iterable[Asked], situation: Situation) -> Problem:
    told = []
    for other in others:
        units = units_of(other, situation)
        told.append(f"ligne {other.row.number} ({units if isinstance(units, int) else 'nombre illisible'})")
    return Problem(
        "uai",
        "duplicate_differs",
        f"Cette école figure aussi avec un autre nombre : {', '.join(told)}. Corrigez-le ou mettez l'une des lignes de "
        "côté.",
    )


#: What to say where no school is certain, by the doubt.
_DOUBTS = {
    "uai_missing": "L'UAI manque.",
    "uai_invalid": "Cet UAI est faux.",
    "uai_twice": "Cette case contient plusieurs UAI : choisissez le bon, ou faites une ligne pour chacun.",
    "repair_unsure": "Cet UAI est incomplet ou faux, et rien ne dit sûrement lequel est le bon.",
    "other_school": "L'UAI et le nom désignent deux écoles différentes : une colonne a peut-être été triée seule.",
    "not_confirmed": "Les UAI de ce tableau semblent décalés, et rien ne confirme celui de cette ligne.",
    "several_schools": "Plusieurs écoles répondent à ce nom : choisissez la bonne.",
    "no_match": "Aucune école de l'annuaire ne répond à ce nom et à ce lieu.",
}


def _about_school(asked: Asked, school: SchoolFacts | None, situation: Situation) -> list[Problem]:
    found = asked.school
    if not found.uai or school is None:
        if found.uai or found.doubt == "unknown_school":
            return [Problem("uai", "unknown_school", "Cet UAI n'est pas dans l'annuaire des établissements.")]
        return [Problem("uai", found.doubt or "uai_missing", _DOUBTS.get(found.doubt, "L'UAI manque."))]
    problems = []
    if found.how == How.REPAIRED:
        problems.append(
            Problem(
                "uai",
                "repaired",
                f"UAI rétabli : « {asked.row.cells.get(Meaning.UAI, '')} » lu {found.uai}.",
                blocking=False,
            )
        )
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
    if situation.purpose is Purpose.ATTRIBUTION and situation.has_remit and school.remit is None:
        problems.append(Problem("uai", "outside_remit", "Cette école n'est pas dans votre périmètre.", blocking=False))
    return problems
