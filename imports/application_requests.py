"""Requests to apply an import: what was asked, beside what the import counts now. Read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Q, Sum

from core import formatting
from imports import queries
from imports.enums import Purpose
from imports.models import ImportRow
from imports.remark_queries import needs_decision_q

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.models import SpreadsheetImport


class RequestFigures(NamedTuple):
    """What a request asks for, or an import counts: schools, and licences (None for the portfolio)."""

    schools: int
    units: int | None

    def __str__(self) -> str:
        """Return the licences in French, or the schools where there are none."""
        schools = formatting.pluralize(self.schools, "école")
        return schools if self.units is None else formatting.pluralize(self.units, "licence")

    def describe_change(self, now: RequestFigures) -> str:
        """Return what was asked beside what is counted now, "" where both are the same."""
        if self == now:
            return ""
        before, after = self, now
        if self.units == now.units:
            before, after = RequestFigures(self.schools, None), RequestFigures(now.schools, None)
        count = after.schools if after.units is None else after.units
        return f"demandé pour {before}, le tableau en compte maintenant {formatting.number(count)}"


def get_requested_figures(spreadsheet_import: SpreadsheetImport) -> RequestFigures | None:
    """Return what the request said, None without a request."""
    if spreadsheet_import.requested_at is None:
        return None
    return RequestFigures(spreadsheet_import.requested_schools or 0, spreadsheet_import.requested_units)


def build_figures(spreadsheet_import: SpreadsheetImport, tally: queries.Tally) -> RequestFigures:
    """Return the figures of an import with this tally."""
    return RequestFigures(tally.schools, None if spreadsheet_import.purpose == Purpose.PORTFOLIO else tally.units)


def describe_request_change(spreadsheet_import: SpreadsheetImport, tally: queries.Tally) -> str:
    """Return in French how an import differs from what was asked, "" where it does not, or was not asked for."""
    asked = get_requested_figures(spreadsheet_import)
    if asked is None or queries.compute_digest(spreadsheet_import) == spreadsheet_import.requested_digest:
        return ""
    return asked.describe_change(build_figures(spreadsheet_import, tally)) or "des lignes ont changé depuis la demande"


def describe_requests(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, str]:
    """Return in French, by import id, what is asked and what has changed since. One query."""
    counted = {
        pk: (schools, units, to_resolve)
        for pk, schools, units, to_resolve in ImportRow.objects.filter(
            import_id__in=[one.pk for one in spreadsheet_imports]
        )
        .values("import_id")
        .annotate(
            schools=Count("pk", filter=Q(ticked=True)),
            taken=Sum(queries.TAKEN, filter=Q(ticked=True)),
            to_resolve=Count("pk", filter=needs_decision_q()),
        )
        .order_by()
        .values_list("import_id", "schools", "taken", "to_resolve")
    }
    described = {}
    for one in spreadsheet_imports:
        schools, units, to_resolve = counted.get(one.pk, (0, 0, 0))
        now = RequestFigures(schools, None if one.purpose == Purpose.PORTFOLIO else units or 0)
        asked = get_requested_figures(one) or now
        words = asked.describe_change(now) or str(now)
        if to_resolve:
            words += f" ; {describe_unresolved(to_resolve)}"
        described[one.pk] = words
    return described


def describe_unresolved(to_resolve: int) -> str:
    """Return how many rows need a decision, in French."""
    return formatting.pluralize(to_resolve, "ligne reste à régler", "lignes restent à régler")
