"""What the API tells of imports: by as many queries for a large one as for a small one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from accounts.models import User
from imports import operations, queries
from imports.api.shapes import ImportSerializer
from imports.brake import brake_of
from imports.enums import Done, ImportState, Verdict
from imports.layout_form import columns_asked, examples
from imports.progress import seen
from imports.reading.columns import letters

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from imports.models import Import

#: Rows that undoing names.
MOST_NAMED = 500
#: States in which a worker may be at the import: at its reading, its application, its undoing.
_WATCHED = (ImportState.UPLOADED, ImportState.APPLYING, ImportState.APPLIED)


def completed(tables: Iterable[Import]) -> list[Import]:
    """Give each import what stands in other tables: its counts, and the names of those who acted."""
    found = list(tables)
    counts = queries.counts_of([table.pk for table in found])
    ids = {pk for table in found for pk in (table.created_by_id, table.applied_by_id) if pk is not None}
    people = User.objects.in_bulk(ids)
    for table in found:
        table.counts = dict.fromkeys(Verdict.values, 0) | counts[table.pk]  # type: ignore[attr-defined]
        for name in ("created_by", "applied_by"):
            person = people.get(getattr(table, f"{name}_id") or 0)
            setattr(table, name, str(person) if person else None)
    return found


def told(table: Import, *, at: datetime.datetime) -> dict[str, Any]:
    """Return all that is said of one import."""
    completed([table])
    return dict(ImportSerializer(cast("Import", _Whole(table, at))).data)


class _Whole:
    """An import with what is worked out of it, as the serializer reads it."""

    def __init__(self, table: Import, at: datetime.datetime) -> None:
        self._table = table
        self.volume = table.volume or None
        self.progress = _progress(table, at)
        self.layout = _layout(table)
        self.plan = _plan(table) if table.state == ImportState.CHECKED else None
        self.outcome = _outcome(table)
        self.refusal = {"code": table.layout.get("refused", ""), "detail": table.refusal} if table.refusal else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def _progress(table: Import, at: datetime.datetime) -> dict[str, Any] | None:
    progress = seen(table.pk, at=at) if table.state in _WATCHED else None
    return progress._asdict() | {"seconds_left": progress.left} if progress else None


def _layout(table: Import) -> dict[str, Any] | None:
    layout = table.layout
    if "read" not in layout:
        return None
    meanings = {index: meaning for meaning, index in layout["columns"].items()}
    return {
        "kind": layout["kind"],
        "sheets": layout["sheets"],
        "read": [
            {"sheet": layout["sheets"][one["sheet"]], "index": one["sheet"], "header_row": one["header_row"]}
            for one in layout["read"]
        ],
        "columns": [
            {
                "index": index,
                "letters": letters(index),
                "title": layout["titles"][index],
                "examples": examples(layout, index),
                "meaning": meanings.get(index),
            }
            for index in columns_asked(layout)
        ],
        "volume": layout["volume"] or None,
        "remembered": layout["remembered"],
        "rows": layout["rows"],
        "remarks": layout["remarks"],
        "questions": layout["questions"],
    }


def _plan(table: Import) -> dict[str, Any]:
    seen_now = queries.confirmable(table)
    tally = queries.tally_of(table, seen_now.ticked, seen_now.units)
    brake = brake_of(table, tally)
    planned = queries.planned(table)
    return {
        "digest": seen_now.digest,
        "rows": seen_now.ticked,
        **{done.value: planned[done.value] for done in Done},
        "units": tally.units,
        "free": None if table.pool_id is None else tally.free,
        "missing": tally.missing,
        "errors": seen_now.errors,
        "conflicts": queries.left_out(table) - seen_now.errors,
        "brake": brake._asdict() if brake else None,
    }


def _outcome(table: Import) -> dict[str, Any] | None:
    if not table.outcome:
        return None
    outcome: dict[str, Any] = table.outcome
    undone = outcome.get("undone")
    return outcome | ({"undone": undone | {"left": len(undone["left"])}} if undone else {})


def undo_told(table: Import) -> dict[str, Any]:
    """Return what undoing the import would do, or did. Raises as `operations.undo_plan` does."""
    figures = dict.fromkeys(("revoked", "reduced", "units", "removed", "restored", "messages"), 0)
    if table.state == ImportState.UNDONE:
        done = table.outcome["undone"]
        figures |= {name: done.get(name, 0) for name in figures}
        left = done["left"]
    else:
        plan = operations.undo_plan(table.pk)
        figures |= {name: len(getattr(plan, name)) for name in ("revoked", "reduced", "removed", "restored")}
        figures |= {"units": plan.units, "messages": plan.messages}
        left = [one._asdict() for one in plan.left]
    return {
        "is_done": table.state == ImportState.UNDONE,
        **figures,
        "left_count": len(left),
        "left": left[:MOST_NAMED],
    }
