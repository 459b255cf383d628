"""Confirmation guard: an unusually large import is applied only once its figure was typed.

A click is a habit; a number has to be read. The guard is set on imports that nearly empty the pool, or that change many
of the schools already served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectivities.models import SchoolInRemit
from imports import queries
from imports.enums import Purpose, Verdict
from imports.models import ImportRow
from licensing.pools.models import Allocation
from web import typography

if TYPE_CHECKING:
    from imports.models import Import

#: Share of the pool's free licences above which the number of licences must be typed.
SHARE_OF_LOT = 0.8
#: Share of the schools already served above which the number of changed schools must be typed. Not checked below
#: `FEWEST_SCHOOLS`, where any change is a large share.
SHARE_OF_SCHOOLS = 0.3
FEWEST_SCHOOLS = 5


class Brake(NamedTuple):
    """The number that must be typed, and the French sentence that explains why and what it counts."""

    number: int
    why: str


def brake_of(spreadsheet_import: Import, tally: queries.Tally | None = None) -> Brake | None:
    """Return the guard on applying the ticked rows, None if no threshold is exceeded."""
    if spreadsheet_import.purpose == Purpose.REMIT:
        return _guard_on_schools(spreadsheet_import, SchoolInRemit.objects.count(), "de votre périmètre changent")
    tally = tally or queries.tally(spreadsheet_import)
    units, free = tally.units, tally.free
    if units > 0 and units > SHARE_OF_LOT * free:
        of_free = f"{typography.plural(free, 'licence libre', 'licences libres')} du lot"
        return Brake(
            units,
            f"Ce tableau prend {typography.plural(units, 'licence')} sur {of_free}. Tapez ce nombre de licences pour "
            "confirmer.",
        )
    return _guard_on_schools(
        spreadsheet_import,
        Allocation.objects.active().filter(pool=spreadsheet_import.pool_id).count(),
        "qui ont déjà des licences changent",
    )


def _guard_on_schools(spreadsheet_import: Import, before: int, what: str) -> Brake | None:
    if before < FEWEST_SCHOOLS:
        return None
    changed = (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).exclude(verdict=Verdict.NEW).count()
    )
    if changed <= SHARE_OF_SCHOOLS * before:
        return None
    return Brake(
        changed,
        f"{typography.plural(changed, 'école')} sur les {typography.number(before)} {what}. Tapez ce nombre d'écoles "
        "pour confirmer.",
    )
