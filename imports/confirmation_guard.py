"""Confirmation guard of imports: on those that nearly empty the pool, or change many of the schools already served."""

from __future__ import annotations

from collectivities.models import PortfolioSchool
from core import formatting
from core.confirmation_guard import MIN_SCHOOLS, ConfirmationGuard, is_large_share
from imports import queries
from imports.enums import Purpose, Verdict
from imports.models import ImportRow, SpreadsheetImport
from licensing.pools.models import Allocation

#: Share of the pool's free licences above which the number of licences must be typed.
POOL_SHARE_THRESHOLD = 0.8


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
    if not is_large_share(changed, before, schools_served=before):
        return None
    return ConfirmationGuard(
        changed,
        f"{formatting.pluralize(changed, 'école')} sur les {formatting.number(before)} {what}. Tapez ce nombre d'écoles"
        " pour confirmer.",
    )
