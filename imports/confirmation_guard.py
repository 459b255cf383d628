"""Confirmation guard: an unusually large import is applied only once its figure was typed.

A click is a habit; a number has to be read. The guard is set on imports that nearly empty the pool, or that change many
of the schools already served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectivities.models import PortfolioSchool
from core import formatting
from imports import queries
from imports.enums import Purpose, Verdict
from imports.models import ImportRow
from licensing.pools.models import Allocation

if TYPE_CHECKING:
    from imports.models import SpreadsheetImport

#: Share of the pool's free licences above which the number of licences must be typed.
POOL_SHARE_THRESHOLD = 0.8
#: Share of the schools already served above which the number of changed schools must be typed. Not checked below
#: `MIN_SCHOOLS`, where any change is a large share.
SCHOOL_SHARE_THRESHOLD = 0.3
MIN_SCHOOLS = 5


class ConfirmationGuard(NamedTuple):
    """The number that must be typed, and the French sentence that explains why and what it counts."""

    number: int
    why: str


def build_guard(spreadsheet_import: SpreadsheetImport, tally: queries.Tally | None = None) -> ConfirmationGuard | None:
    """Return the guard on applying the ticked rows, None if no threshold is exceeded."""
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        return _guard_on_schools(spreadsheet_import, PortfolioSchool.objects.count(), "de votre périmètre changent")
    tally = tally or queries.get_tally(spreadsheet_import)
    units, free = tally.units, tally.free
    if units > 0 and units > POOL_SHARE_THRESHOLD * free:
        of_free = f"{formatting.pluralize(free, 'licence libre', 'licences libres')} du lot"
        return ConfirmationGuard(
            units,
            f"Ce tableau prend {formatting.pluralize(units, 'licence')} sur {of_free}. Tapez ce nombre de licences pour"
            " confirmer.",
        )
    return _guard_on_schools(
        spreadsheet_import,
        Allocation.objects.active().filter(pool=spreadsheet_import.pool_id).count(),
        "qui ont déjà des licences changent",
    )


def _guard_on_schools(spreadsheet_import: SpreadsheetImport, before: int, what: str) -> ConfirmationGuard | None:
    if before < MIN_SCHOOLS:
        return None
    changed = (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).exclude(verdict=Verdict.NEW).count()
    )
    if changed <= SCHOOL_SHARE_THRESHOLD * before:
        return None
    return ConfirmationGuard(
        changed,
        f"{formatting.pluralize(changed, 'école')} sur les {formatting.number(before)} {what}. Tapez ce nombre d'écoles"
        " pour confirmer.",
    )
