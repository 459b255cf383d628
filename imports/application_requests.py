"""Requests to apply an import: what was asked, beside what the import counts now. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Count, Q, Sum

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from imports import queries
from imports.enums import ImportState, Purpose
from imports.models import SpreadsheetImport
from imports.remark_queries import needs_decision_q

#: Managers that a sentence names; the others are counted.
MAX_NAMED = 3


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


class _Content(NamedTuple):
    """What the ticked rows of an import count now, their digest, and the rows that need a decision."""

    figures: RequestFigures
    digest: str
    to_resolve: int


def describe_requests(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, str]:
    """Return in French, by import id, what is asked and what has changed since. One query."""
    contents = _load_contents(spreadsheet_imports)
    described = {}
    for one in spreadsheet_imports:
        words = _describe_change(one, contents[one.pk]) or str(contents[one.pk].figures)
        if to_resolve := contents[one.pk].to_resolve:
            words += f" ; {describe_unresolved(to_resolve)}"
        described[one.pk] = words
    return described


def describe_request_changes(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, str]:
    """Return in French, by import id, what has changed since it was asked for, "" where nothing has. One query."""
    contents = _load_contents(spreadsheet_imports)
    return {one.pk: _describe_change(one, contents[one.pk]) for one in spreadsheet_imports}


def _load_contents(spreadsheet_imports: Sequence[SpreadsheetImport]) -> dict[int, _Content]:
    counted = {
        pk: (schools, units, digest, to_resolve)
        for pk, schools, units, digest, to_resolve in queries.select_digests([one.pk for one in spreadsheet_imports])
        .annotate(taken=Sum(queries.TAKEN, filter=Q(ticked=True)), to_resolve=Count("pk", filter=needs_decision_q()))
        .values_list("import_id", "ticked_count", "taken", "hashed", "to_resolve")
    }
    contents = {}
    for one in spreadsheet_imports:
        schools, units, hashed, to_resolve = counted.get(one.pk, (0, 0, None, 0))
        figures = RequestFigures(schools, None if one.purpose == Purpose.PORTFOLIO else units or 0)
        contents[one.pk] = _Content(figures, f"{schools}-{hashed}", to_resolve)
    return contents


def _describe_change(spreadsheet_import: SpreadsheetImport, content: _Content) -> str:
    asked = get_requested_figures(spreadsheet_import)
    if asked is None or content.digest == spreadsheet_import.requested_digest:
        return ""
    return asked.describe_change(content.figures) or "des lignes ont changé depuis la demande"


def describe_wait(spreadsheet_import: SpreadsheetImport, managers: Sequence[User], change: str = "") -> str:
    """Return « demandé à Nora Delmas le 27 novembre 2026, en attente », "" where no request waits for an answer.

    `change`: what has changed since, which the managers were not asked for.
    """
    if spreadsheet_import.requested_at is None or spreadsheet_import.state != ImportState.CHECKED:
        return ""
    names = formatting.join_first([str(manager) for manager in managers], MAX_NAMED)
    day = formatting.long_date(date_in_paris(spreadsheet_import.requested_at))
    asked = f"demandé à {names} le {day}" if names else f"demandé le {day}"
    return formatting.add_nonbreaking_spaces(
        f"{asked}, avant un changement : {change}" if change else f"{asked}, en attente"
    )


def describe_unresolved(to_resolve: int) -> str:
    """Return how many rows need a decision, in French."""
    return formatting.pluralize(to_resolve, "ligne reste à régler", "lignes restent à régler")
