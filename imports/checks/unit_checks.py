"""Checks of the number of licences: requested units and plausibility."""

from collections.abc import Iterable, Iterator

from core import formatting
from core.calendar import date_in_paris
from imports.checks.context import CheckContext, CheckRequest, CrossRowFindings, SchoolFacts
from imports.enums import Volume
from imports.problems import Problem, warning
from licensing.pools.queries import PoolHolding
from licensing.pools.wording import describe_holdings

#: Volumes that are read from the row itself.
ROW_VOLUMES = frozenset({Volume.COLUMN, Volume.CLASSES})


def get_requested_units(request: CheckRequest, context: CheckContext) -> int | Problem | None:
    """Return the licences that the school of a row must have, or a problem; None if its cell already has a problem."""
    if request.own_units:
        return request.row.units
    if request.row.has_noted_units or context.volume in ROW_VOLUMES:
        added = request.row.units
        school = context.schools.get(request.school.uai)
        return added if added is None or context.additions is None or school is None else school.held + added
    if context.volume is Volume.ALL:
        return context.units_for_all
    if context.volume is Volume.PORTFOLIO:
        school = context.schools.get(request.school.uai)
        classes = school.portfolio.classes if school and school.portfolio else None
        return classes or Problem(
            "units",
            "classes_unknown",
            "Votre périmètre ne dit pas combien de classes a cette école : indiquez son nombre de licences, ou "
            "complétez le périmètre.",
        )
    return request.row.units


def check_addition(request: CheckRequest, school: SchoolFacts, context: CheckContext) -> Iterator[Problem]:
    """Yield what a row adds to the licences of its school, and whether an earlier import added as many."""
    added = request.row.units
    if context.additions is None or request.own_units or not added:
        return
    if (day := context.additions.get((request.school.uai, added))) is not None:
        yield warning(
            "units",
            "already_added",
            f"Déjà ajouté le {formatting.long_date(day)}, par un tableau de mêmes titres : cochez la ligne pour "
            f"ajouter encore {formatting.pluralize(added, 'licence')}.",
        )
    if school.held:
        held, total = map(formatting.number, (school.held, school.held + added))
        yield warning(
            "units",
            "added_units",
            f"{held} + {formatting.number(added)} = {total} : ce tableau ajoute à ce que l'école a déjà.",
        )


def check_plausibility(
    request: CheckRequest, units: int, school: SchoolFacts | None, findings: CrossRowFindings
) -> Iterator[Problem]:
    """Yield the warnings about an implausible number of licences."""
    row = request.row
    known = school.portfolio.classes if school and school.portfolio else None
    classes = row.classes if known is None else known
    if classes and units > classes:
        whose = "le tableau" if known is None else "votre périmètre"
        yield warning(
            "units",
            "units_exceed_classes",
            f"{formatting.pluralize(units, 'licence')} pour {formatting.pluralize(classes, 'classe')} selon {whose}.",
        )
    if known and row.classes and row.classes != known:
        yield warning(
            "classes",
            "classes_differ",
            f"Le tableau dit {formatting.pluralize(row.classes, 'classe')}, votre périmètre "
            f"{formatting.number(known)}.",
        )
    summed = findings.sums.get((row.sheet, row.number))
    if summed is not None:
        first, last = summed
        yield warning(
            "units",
            "probable_subtotal",
            f"{formatting.number(units)} est la somme des lignes {first[1]} à {last[1]} : un sous-total sans doute"
            ". Corrigez le nombre, ou cochez la ligne s'il est juste.",
        )
    elif findings.is_outlier(units):
        yield warning(
            "units",
            "outlier",
            f"{formatting.pluralize(units, 'licence')}, quand la plupart des lignes en demandent "
            f"{formatting.number(findings.median)} : corrigez le nombre, ou cochez la ligne s'il est juste.",
        )


def check_other_pools(
    request: CheckRequest, units: int, school: SchoolFacts, context: CheckContext
) -> Iterator[Problem]:
    """Yield the question about a school that also holds licences of another pool: it would get a second key.

    A number that a member typed for the row answers it, and so does adding; one that the file notes does not.
    """
    if not school.elsewhere or units <= school.held:
        return
    held = f"Cette école a déjà {describe_holdings(school.elsewhere)}"
    if request.own_units or context.additions is not None:
        total = units + sum(holding.units for holding in school.elsewhere)
        message = f"{held} : elle en aura {formatting.number(total)} en tout, avec une seconde clé."
        yield warning("units", "added_to_other_pool", message)
        return
    is_served = get_complement(units, school.held, school.elsewhere) == school.held
    rest = "en rester là" if is_served else f"compléter jusqu'à {formatting.number(units)}"
    yield warning("units", "other_pool", f"{held} : {rest}, ou lui en donner {formatting.number(units)} de plus\u00a0?")


def get_complement(units: int, held: int, elsewhere: Iterable[PoolHolding]) -> int:
    """Return the licences to hold from the pool for `units` with the other pools'; never fewer than those held."""
    return max(units - sum(holding.units for holding in elsewhere), held)


def describe_lower(units: int, school: SchoolFacts) -> Problem:
    """Return the conflict of a school that holds more than the row states, with its possible resolutions."""
    held = formatting.pluralize(school.held, "licence")
    requested = formatting.number(units) if units else "aucune"
    if school.redeemed_at is not None:
        since = formatting.long_date(date_in_paris(school.redeemed_at))
        return warning(
            "units",
            "below_redeemed_units",
            f"Cette école a {held} de ce lot et le tableau en demande {requested}. Sa clé est activée depuis le "
            f"{since} : rien ne peut plus en être repris. Mettez la ligne de côté pour en rester là.",
        )
    if units == 0:
        return warning(
            "units",
            "reduced_to_zero",
            f"Cette école a {held} de ce lot et le tableau n'en demande aucune. Sa clé n'est pas activée : vous pouvez "
            "la reprendre, ou mettre la ligne de côté pour en rester là.",
        )
    return warning(
        "units",
        "lower",
        f"Cette école a {held} de ce lot et le tableau en demande {requested}. Sa clé n'est pas activée : vous pouvez "
        "réduire son attribution à ce nombre, la reprendre en entier, ou mettre la ligne de côté pour en rester là.",
    )
