"""A whole import is taken back: what nobody has redeemed and nobody has changed since; the rest is listed and left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from collectivities import audit
from collectivities.operations import restore_contacts, take_back_from_remit
from imports.enums import ImportState, Purpose
from imports.models import Import, ImportProgress
from imports.operations.locking import UNDO_TASK, locked, queue
from imports.undo_plan import Left, UndoPlan, plan_of
from licensing.pools.models import Pool
from licensing.pools.operations import Reduction, Stage, reduce_many, revoke_many, unwatched
from web import typography

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.pools.operations import Watch


def undo_plan(import_id: int) -> UndoPlan:
    """Return what undoing the import would do now, having changed nothing. Raises as `undo` does."""
    with transaction.atomic():
        return plan_of(locked(import_id, ImportState.APPLIED))


@transaction.atomic
def ask_undo(*, import_id: int, by: User | None, at: datetime.datetime) -> Import:
    """Have the worker undo an applied import; a page follows it as it follows an application.

    Asking twice, or for one that is undone, is the same as once. Raises `UnknownImport`, `WrongMoment`.
    """
    table = locked(import_id, ImportState.APPLIED, ImportState.UNDONE)
    if table.state == ImportState.APPLIED:
        _, is_first = ImportProgress.objects.get_or_create(
            import_id=import_id, defaults={"step": "waiting", "started_at": timezone.now()}
        )
        if is_first:
            queue(UNDO_TASK, table, asked_at=at.isoformat(), by_id=by.pk if by else None)
    return table


@transaction.atomic
def undo(*, import_id: int, by: User | None, at: datetime.datetime, watch: Watch = unwatched) -> Import:
    """Take back what an applied import did, as far as nobody has redeemed or changed it since; undoing twice is once.

    Allocations that it made are revoked, those it raised are lowered again, schools that it added to the remit are
    taken out, contacts put back. Schools that had been written to are written to. `outcome["undone"]` says what was
    done and lists what was left, with the reason. Raises `UnknownImport`, `WrongMoment`.
    """
    table = locked(import_id, ImportState.APPLIED, ImportState.UNDONE)
    if table.state == ImportState.UNDONE:
        return table
    list(Pool.objects.locked().filter(pk=table.pool_id or 0))
    watch(Stage.CHECKING, 0, 0)
    plan = plan_of(table)
    size = len(plan.revoked) + len(plan.reduced) + len(plan.removed) + len(plan.restored)
    watch(Stage.TAKING_BACK, 0, size)
    if table.purpose == Purpose.REMIT:
        done, summary = _restore_remit(plan, by=by, at=at)
    else:
        done, summary = _take_back(table, plan, by=by, at=at)
    watch(Stage.COMMITTING, size, size)
    if left := len(done["left"]):
        summary += " ; " + typography.plural(left, "ligne laissée telle quelle", "lignes laissées telles quelles")
    table.state, table.undone_at, table.undone_by_id = ImportState.UNDONE, at, by.pk if by else None
    table.outcome = table.outcome | {"undone": done}
    table.save(update_fields=["state", "undone_at", "undone_by_id", "outcome"])
    audit.record(
        action="import.undone",
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » défait : {summary}.",
        object_type="import",
        object_id=table.pk,
    )
    return table


def _take_back(table: Import, plan: UndoPlan, *, by: User | None, at: datetime.datetime) -> tuple[dict[str, Any], str]:
    """Revoke and reduce; whom a principal was faster than is left with the others that stay."""
    to_revoke = {one.allocation_id: one for one in plan.revoked}
    to_reduce = {one.uai: one for one in plan.reduced}
    revoked = revoke_many(allocation_ids=list(to_revoke), by=by, at=at, import_id=table.pk)
    reduced = reduce_many(
        pool_id=table.pool_id or 0,
        reductions=[Reduction(one.uai, one.units_after) for one in plan.reduced],
        by=by,
        at=at,
        import_id=table.pk,
    )
    left = list(plan.left)
    left += [
        Left.of(to_revoke[done.allocation_id], done.refusal.code, done.refusal.sentence)
        for done in revoked
        if done.refusal
    ]
    left += [Left.of(to_reduce[done.uai], done.refusal.code, done.refusal.sentence) for done in reduced if done.refusal]
    units = sum(to_revoke[done.allocation_id].units for done in revoked if not done.refusal)
    units += sum(done.before - done.units for done in reduced if not done.refusal)
    figures: dict[str, Any] = {
        "revoked": sum(not done.refusal for done in revoked),
        "reduced": sum(not done.refusal for done in reduced),
        "units": units,
        "messages": sum(done.told for done in revoked) + sum(done.told for done in reduced),
        "left": [one._asdict() for one in sorted(left, key=lambda one: (one.sheet, one.number))],
    }
    schools = figures["revoked"] + figures["reduced"]
    words = (
        f"{typography.plural(units, 'licence reprise', 'licences reprises')} à {typography.plural(schools, 'école')}"
    )
    return figures, words


def _restore_remit(plan: UndoPlan, *, by: User | None, at: datetime.datetime) -> tuple[dict[str, Any], str]:
    removed = len(take_back_from_remit(uais=[one.uai for one in plan.removed], by=by, at=at))
    restored = restore_contacts(contacts={one.uai: one.contact for one in plan.restored}, by=by, at=at)
    figures = {"removed": removed, "restored": restored, "left": [one._asdict() for one in plan.left]}
    words = (
        f"{typography.plural(removed, 'école retirée', 'écoles retirées')} du périmètre, "
        f"{typography.plural(restored, 'contact rétabli', 'contacts rétablis')}"
    )
    return figures, words
