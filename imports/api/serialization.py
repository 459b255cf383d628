"""Serialize imports, by a constant number of queries."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, cast

from accounts.models import User
from imports import operations, queries
from imports.api.serializers import ImportSerializer
from imports.confirmation_guard import build_guard
from imports.enums import ImportState, RowEffect, Verdict
from imports.models import SpreadsheetImport
from imports.parsing.column_mapping import column_letters
from imports.progress import get_current_progress

#: Maximum number of kept rows listed for undoing.
MAX_KEPT_ROWS = 500
#: States in which a worker may parse, apply or undo the import.
_STATES_WITH_PROGRESS = (ImportState.UPLOADED, ImportState.APPLYING, ImportState.APPLIED)


def add_counts_and_people(spreadsheet_imports: Iterable[SpreadsheetImport]) -> list[SpreadsheetImport]:
    """Set the counts and the names of the actors on each import; return them as a list."""
    found = list(spreadsheet_imports)
    counts = queries.count_verdicts([spreadsheet_import.pk for spreadsheet_import in found])
    ids = {
        pk
        for spreadsheet_import in found
        for pk in (spreadsheet_import.created_by_id, spreadsheet_import.applied_by_id)
        if pk is not None
    }
    people = User.objects.in_bulk(ids)
    for spreadsheet_import in found:
        spreadsheet_import.counts = dict.fromkeys(Verdict.values, 0) | counts[spreadsheet_import.pk]  # type: ignore[attr-defined]
        for name in ("created_by", "applied_by"):
            person = people.get(getattr(spreadsheet_import, f"{name}_id") or 0)
            setattr(spreadsheet_import, name, str(person) if person else None)
    return found


def serialize_import(spreadsheet_import: SpreadsheetImport, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the full representation of an import."""
    add_counts_and_people([spreadsheet_import])
    return dict(ImportSerializer(cast("SpreadsheetImport", _ImportDetail(spreadsheet_import, at))).data)


class _ImportDetail:
    """An import with computed attributes, as input of the serializer."""

    def __init__(self, spreadsheet_import: SpreadsheetImport, at: datetime.datetime) -> None:
        self._spreadsheet_import = spreadsheet_import
        self.volume = spreadsheet_import.volume or None
        self.progress = _progress(spreadsheet_import, at)
        self.layout = _layout(spreadsheet_import)
        self.plan = _plan(spreadsheet_import) if spreadsheet_import.state == ImportState.CHECKED else None
        self.outcome = _outcome(spreadsheet_import)
        self.rejection = (
            {"code": spreadsheet_import.layout.error_code, "detail": spreadsheet_import.refusal}
            if spreadsheet_import.refusal
            else None
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spreadsheet_import, name)


def _progress(spreadsheet_import: SpreadsheetImport, at: datetime.datetime) -> dict[str, Any] | None:
    progress = (
        get_current_progress(spreadsheet_import.pk, at=at)
        if spreadsheet_import.state in _STATES_WITH_PROGRESS
        else None
    )
    return progress._asdict() | {"seconds_left": progress.left} if progress else None


def _layout(spreadsheet_import: SpreadsheetImport) -> dict[str, Any] | None:
    layout = spreadsheet_import.layout
    if not layout.is_parsed:
        return None
    meanings = {index: meaning for meaning, index in layout.columns.items()}
    return {
        "kind": layout.kind,
        "sheets": layout.sheets,
        "read_sheets": [
            {"sheet": layout.sheets[one.sheet], "index": one.sheet, "header_row": one.header_row}
            for one in layout.regions
        ],
        "columns": [
            {
                "index": index,
                "letters": column_letters(index),
                "title": layout.titles[index],
                "examples": layout.get_examples(index),
                "meaning": meanings.get(index),
            }
            for index in layout.list_editable_columns()
        ],
        "volume": layout.volume,
        "remembered": layout.remembered,
        "rows": layout.rows,
        "remarks": layout.remarks,
        "questions": [question.as_json() for question in layout.questions],
        "answered": [question.as_json() for question in layout.answered],
    }


def _plan(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    summary = queries.get_confirmation_summary(spreadsheet_import)
    tally = queries.build_tally(spreadsheet_import, summary.ticked, summary.units)
    guard = build_guard(spreadsheet_import, tally)
    planned = queries.count_effects(spreadsheet_import)
    return {
        "digest": summary.digest,
        "rows": summary.ticked,
        **{done.value: planned[done.value] for done in RowEffect},
        "units": tally.units,
        "free": None if spreadsheet_import.pool_id is None else tally.free,
        "missing": tally.missing,
        "errors": summary.errors,
        "conflicts": queries.count_unapplicable(spreadsheet_import) - summary.errors,
        "confirmation": {"count": guard.number, "reason": guard.why} if guard else None,
    }


def _outcome(spreadsheet_import: SpreadsheetImport) -> dict[str, Any] | None:
    if not spreadsheet_import.outcome:
        return None
    outcome: dict[str, Any] = spreadsheet_import.outcome
    undone = outcome.get("undone")
    return outcome | ({"undone": undone | {"kept": len(undone["kept"])}} if undone else {})


def serialize_undo(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    """Return what undoing the import would do, or did. Raises like `operations.undo_plan`."""
    figures = dict.fromkeys(("revoked", "reduced", "units", "removed", "restored", "messages"), 0)
    if spreadsheet_import.state == ImportState.UNDONE:
        done = spreadsheet_import.outcome["undone"]
        figures |= {name: done.get(name, 0) for name in figures}
        kept = done["kept"]
    else:
        plan = operations.get_undo_plan(spreadsheet_import.pk)
        figures |= {name: len(getattr(plan, name)) for name in ("revoked", "reduced", "removed", "restored")}
        figures |= {"units": plan.units, "messages": plan.messages}
        kept = [one._asdict() for one in plan.kept]
    return {
        "done": spreadsheet_import.state == ImportState.UNDONE,
        **figures,
        "kept_count": len(kept),
        "kept": kept[:MAX_KEPT_ROWS],
    }
