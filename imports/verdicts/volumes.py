"""How many licences a row asks for, and whether that is plausible."""

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


#: What reads the number from the row itself.
OF_THE_ROW = frozenset({Volume.COLUMN, Volume.CLASSES})


def units_of(asked: Asked, situation: Situation) -> int | Problem | None:
    """Return how many licences a row asks for, or what is wrong with that; None where its cell was at fault already."""
    if asked.own_units or situation.volume in OF_THE_ROW:
        return asked.row.units
    if situation.volume is Volume.ALL:
        return situation.units_for_all
    if situation.volume is Volume.REMIT:
        school = situation.schools.get(asked.school.uai)
        classes = school.remit.classes if school and school.remit else None
        return classes or Problem(
            "units",
            "no_classes_known",
            "Votre périmètre ne dit pas combien de classes a cette école : indiquez son nombre de licences, ou "
            "complétez le périmètre.",
        )
    return asked.row.units


def implausible(asked: Asked, units: int, school: SchoolFacts | None, together: Together) -> list[Problem]:
    """Return what makes one doubt the number of a row; nothing where nothing is known of the school's classes."""
    row = asked.row
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
    summed = together.sums.get((row.sheet, row.number))
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
    elif together.is_huge(units):
        problems.append(
            Problem(
                "units",
                "huge",
                f"{typography.plural(units, 'licence')}, quand la plupart des lignes en demandent "
                f"{typography.number(together.median)} : corrigez le nombre, ou cochez la ligne s'il est juste.",
                blocking=False,
            )
        )
    return problems


def lower(units: int, school: SchoolFacts) -> Problem:
    """Return what to say of a school that has more than the row states, and what can still be done about it."""
    held = typography.plural(school.held, "licence")
    asked = typography.number(units) if units else "aucune"
    if school.redeemed_at is not None:
        since = typography.day(day_in_france(school.redeemed_at))
        return Problem(
            "units",
            "lower_redeemed",
            f"Cette école a {held} de ce lot et le tableau en demande {asked}. Sa clé est activée depuis le {since} : "
            "rien ne peut plus en être repris. Mettez la ligne de côté pour en rester là.",
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
        f"Cette école a {held} de ce lot et le tableau en demande {asked}. Sa clé n'est pas activée : vous pouvez "
        "réduire son attribution à ce nombre, la reprendre en entier, ou mettre la ligne de côté pour en rester là.",
        blocking=False,
    )
