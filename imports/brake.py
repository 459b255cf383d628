"""The brake: what is out of proportion is done only once its number was typed.

A click is a habit; a number has to be read. So a table that empties the lot, or that touches many of the schools that
have something already, asks for one.
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

#: Above this share of the lot's free licences, their number is asked for.
SHARE_OF_LOT = 0.8
#: Above this share of the schools that have something already, the number of those that change is asked for; of fewer
#: schools than these any change is a large share.
SHARE_OF_SCHOOLS = 0.3
FEWEST_SCHOOLS = 5


class Brake(NamedTuple):
    """The number that must be typed, and the sentence that says why and what it counts."""

    number: int
    why: str


def brake_of(table: Import, tally: queries.Tally | None = None) -> Brake | None:
    """Return the brake on what the ticked rows would do, None where they are in proportion. `tally`: where known."""
    if table.purpose == Purpose.REMIT:
        return _of_schools(table, SchoolInRemit.objects.count(), "de votre périmètre changent")
    tally = tally or queries.tally(table)
    units, free = tally.units, tally.free
    if units > 0 and units > SHARE_OF_LOT * free:
        of_free = f"{typography.plural(free, 'licence libre', 'licences libres')} du lot"
        return Brake(
            units,
            f"Ce tableau prend {typography.plural(units, 'licence')} sur {of_free}. Tapez ce nombre de licences pour "
            "confirmer.",
        )
    return _of_schools(
        table, Allocation.objects.active().filter(pool=table.pool_id).count(), "qui ont déjà des licences changent"
    )


def _of_schools(table: Import, before: int, what: str) -> Brake | None:
    if before < FEWEST_SCHOOLS:
        return None
    changed = ImportRow.objects.filter(import_id=table.pk, ticked=True).exclude(verdict=Verdict.NEW).count()
    if changed <= SHARE_OF_SCHOOLS * before:
        return None
    return Brake(
        changed,
        f"{typography.plural(changed, 'école')} sur les {typography.number(before)} {what}. Tapez ce nombre d'écoles "
        "pour confirmer.",
    )
