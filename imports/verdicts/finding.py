"""Which school a row means: how it was found, why it was not, and whether it is one to give to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.enums import How, Purpose
from imports.meanings import Meaning
from imports.problems import Problem
from imports.verdicts import wording
from schools import uai

if TYPE_CHECKING:
    from imports.verdicts.rows import Asked
    from imports.verdicts.situation import SchoolFacts, Situation

#: Why no school is certain, by the doubt's own code.
DOUBTS = (
    "uai_missing",
    "uai_invalid",
    "uai_twice",
    "repair_unsure",
    "other_school",
    "not_confirmed",
    "unknown_school",
    "several_schools",
    "no_match",
)


def not_found(asked: Asked, situation: Situation) -> Problem:
    """Return why a row has no school, and what to do about it. Always blocking."""
    found = asked.school
    code = "unknown_school" if found.uai else found.doubt or "uai_missing"
    column = Meaning.NAME if code in ("several_schools", "no_match") else Meaning.UAI
    return Problem(column.value, code, _sentence(code, asked, situation))


def _sentence(code: str, asked: Asked, situation: Situation) -> str:  # noqa: PLR0911 - one for each doubt
    cells = asked.row.cells
    typed = cells.get(Meaning.UAI, "")
    named = wording.named(cells)
    read = asked.school.uai or asked.school.read
    known = situation.schools.get(read)
    choose = "choisissez l'école parmi les propositions" if asked.school.proposals else "indiquez le bon UAI"
    instead = "choisissez une école proposée, corrigez-le" if asked.school.proposals else "corrigez-le"
    match code:
        case "unknown_school":
            return (
                f"L'UAI {read} est bien formé, mais l'annuaire ne le connaît pas : {instead}, ou gardez la ligne de "
                "côté jusqu'à ce que l'annuaire le connaisse."
            )
        case "other_school":
            whose = f"de « {known.label} »" if known else "d'une autre école"
            says = f"la ligne dit {named}" if named else "la ligne en nomme une autre"
            return (
                f"L'UAI {read} est celui {whose}, et {says} : {choose}. Une colonne a peut-être été triée sans les "
                "autres."
            )
        case "not_confirmed":
            whose = f", celui de « {known.label} »," if known else ""
            return (
                f"Les UAI de ce tableau semblent décalés, et rien dans cette ligne ne confirme {read}{whose} : {choose}"
                ", ou vérifiez le tri de vos colonnes et déposez le tableau de nouveau."
            )
        case "repair_unsure":
            fault = uai.fault(typed) or f"L'UAI « {typed} » est incomplet."
            return f"{fault} Rien dans la ligne ne confirme lequel est le bon : {choose}."
        case "uai_twice":
            several = uai.find(typed)
            told = f" ({', '.join(several)})" if several else ""
            return f"Cette case contient plusieurs UAI{told} : gardez le bon, ou faites une ligne pour chacun."
        case "uai_invalid":
            fault = uai.fault(typed) or f"« {typed} » n'est pas un UAI."
            return f"{fault} Corrigez-le, ou {choose}."
        case "several_schools" if len(asked.school.proposals) == 1:
            return (
                f"Une seule école de l'annuaire ressemble à {named or 'ce nom'}, mais pas assez pour être sûre : "
                "choisissez-la si c'est elle, ou indiquez l'UAI."
            )
        case "several_schools":
            return f"Plusieurs écoles de l'annuaire répondent à {named or 'ce nom'} : choisissez la bonne."
        case "no_match":
            return (
                f"Aucune école de l'annuaire ne répond à {named or 'ce nom'} : corrigez le nom ou la commune, ou "
                "indiquez l'UAI."
            )
    return "L'UAI manque, et rien dans la ligne ne permet de trouver l'école : indiquez l'UAI."


def how_found(asked: Asked, school: SchoolFacts) -> list[Problem]:
    """Return how a school was found where that was not by the UAI as it stands."""
    found = asked.school
    sure = wording.share(found.confidence or 0)
    if found.how == How.REPAIRED:
        return [
            Problem(
                "uai",
                "repaired",
                f"UAI rétabli : « {asked.row.cells.get(Meaning.UAI, '')[:80]} » est lu {found.uai}, « {school.label} » "
                f"(confiance {sure}).",
                blocking=False,
            )
        ]
    if found.how == How.NAME:
        return [
            Problem(
                "name",
                "by_name",
                f"École trouvée par son nom et son lieu : {wording.named(asked.row.cells)} est « {school.label} », "
                f"{found.uai} (confiance {sure}).",
                blocking=False,
            )
        ]
    return []


def about(asked: Asked, school: SchoolFacts, situation: Situation) -> list[Problem]:
    """Return what the directory and the remit say against giving to this school."""
    problems = []
    if school.closed:
        successor = situation.successors.get(asked.school.uai)
        instead = (
            f"« {successor.label} » ({successor.uai}) est ouverte au même endroit : choisissez-la si c'est elle."
            if successor
            else "indiquez celle qui l'a remplacée, ou mettez la ligne de côté."
        )
        joined = ". " if successor else " : "
        problems.append(Problem("uai", "closed_school", f"« {school.label} » est fermée{joined}{instead}"))
    if situation.for_elementary and not school.elementary:
        problems.append(
            Problem(
                "uai",
                "no_elementary",
                f"« {school.label} » n'a pas de classe du CP au CM2 ; cochez la ligne si vous voulez lui donner des "
                "licences malgré tout.",
                blocking=False,
            )
        )
    if situation.purpose is Purpose.ATTRIBUTION and situation.has_remit and school.remit is None:
        problems.append(
            Problem(
                "uai",
                "outside_remit",
                "Cette école n'est pas dans votre périmètre : ajoutez-l'y, ou mettez la ligne de côté.",
                blocking=False,
            )
        )
    return problems
