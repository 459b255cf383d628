"""Checks of the number of licences: requested units and plausibility."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.enums import Volume
from imports.problems import Problem
from licensing.catalogue.operations import day_in_france
from web import typography

if TYPE_CHECKING:
    from imports.verdicts.rows import Asked
    from imports.verdicts.situation import SchoolFacts, Situation
    from imports.verdicts.together import Together


#: Volumes that are read from the row itself.
OF_THE_ROW = frozenset({Volume.COLUMN, Volume.CLASSES})


def units_of(request: Asked, context: Situation) -> int | Problem | None:
    """Return the licences a row requests, or a problem; None if its cell already has a problem."""
    if request.own_units or context.volume in OF_THE_ROW:
        return request.row.units
    if context.volume is Volume.ALL:
        return context.units_for_all
    if context.volume is Volume.REMIT:
        school = context.schools.get(request.school.uai)
        classes = school.remit.classes if school and school.remit else None
        return classes or Problem(
            "units",
            "no_classes_known",
            "Votre périmètre ne dit pas combien de classes a cette école : indiquez son nombre de licences, ou "
            "complétez le périmètre.",
        )
    return request.row.units


def implausible(request: Asked, units: int, school: SchoolFacts | None, findings: Together) -> list[Problem]:
    """Return the warnings about an implausible number of licences."""
    row = request.row
    problems = []
    classes = row.classes if row.classes is not None else school.remit.classes if school and school.remit else None
    if classes and units > classes:
        whose = "le tableau" if row.classes is not None else "votre périmètre"
        problems.append(
            Problem(
                "units",
                "more_than_classes",
                f"{typography.plural(units, 'licence')} pour {typography.plural(classes, 'classe')} selon {whose} : "
                "corrigez le nombre, ou cochez la ligne s'il est juste.",
                blocking=False,
            )
        )
    summed = findings.sums.get((row.sheet, row.number))
    if summed is not None:
        first, last = summed
        problems.append(
            Problem(
                "units",
                "looks_like_sum",
                f"{typography.number(units)} est la somme des lignes {first[1]} à {last[1]} : un sous-total sans doute"
                ". Corrigez le nombre, ou cochez la ligne s'il est juste.",
                blocking=False,
            )
        )
    elif findings.is_huge(units):
        problems.append(
            Problem(
                "units",
                "huge",
                f"{typography.plural(units, 'licence')}, quand la plupart des lignes en demandent "
                f"{typography.number(findings.median)} : corrigez le nombre, ou cochez la ligne s'il est juste.",
                blocking=False,
            )
        )
    return problems


def lower(units: int, school: SchoolFacts) -> Problem:
    """Return the conflict of a school that holds more than the row states, with its possible resolutions."""
    held = typography.plural(school.held, "licence")
    requested = typography.number(units) if units else "aucune"
    if school.redeemed_at is not None:
        since = typography.day(day_in_france(school.redeemed_at))
        return Problem(
            "units",
            "lower_redeemed",
            f"Cette école a {held} de ce lot et le tableau en demande {requested}. Sa clé est activée depuis le "
            f"{since} : rien ne peut plus en être repris. Mettez la ligne de côté pour en rester là.",
            blocking=False,
        )
    if units == 0:
        return Problem(
            "units",
            "lower_to_none",
            f"Cette école a {held} de ce lot et le tableau n'en demande aucune. Sa clé n'est pas activée : vous pouvez "
            "la reprendre, ou mettre la ligne de côté pour en rester là.",
            blocking=False,
        )
    return Problem(
        "units",
        "lower",
        f"Cette école a {held} de ce lot et le tableau en demande {requested}. Sa clé n'est pas activée : vous pouvez "
        "réduire son attribution à ce nombre, la reprendre en entier, ou mettre la ligne de côté pour en rester là.",
        blocking=False,
    )
