"""Undo an applied import: revert what was neither redeemed nor changed since, and list the rest."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from collectivities import audit_log
from collectivities.operations.portfolio_store import remove_from_portfolio, restore_contacts
from core import formatting
from core.calendar import date_in_paris
from imports.enums import ImportState, Purpose, RequestAnswer
from imports.exceptions import ContentsDeleted
from imports.models import ImportProgress, SpreadsheetImport
from imports.operations.import_lock import UNDO_TASK, lock_import, queue_task
from imports.operations.request_answers import answer_request
from imports.undo_plan import KeptRow, UndoPlan, build_undo_plan
from licensing.pools.models import Pool
from licensing.pools.operations.demands import AllocationStage, ProgressCallback, no_progress
from licensing.pools.operations.reduction import Reduction, reduce_many
from licensing.pools.operations.revocation import revoke_many


def get_undo_plan(import_id: int) -> UndoPlan:
    """Return the plan of undoing the import now. Raises like `undo`."""
    with transaction.atomic():
        return build_undo_plan(_lock_undoable(import_id, ImportState.APPLIED))


@transaction.atomic
def request_undo(*, import_id: int, by: User | None, at: datetime.datetime) -> SpreadsheetImport:
    """Queue the undoing of an applied import. Idempotent.

    Raises `UnknownImport`, `WrongImportState`; `ContentsDeleted` where its rows are kept no longer.
    """
    spreadsheet_import = _lock_undoable(import_id, ImportState.APPLIED, ImportState.UNDONE)
    if spreadsheet_import.state == ImportState.APPLIED:
        _, is_first = ImportProgress.objects.get_or_create(
            import_id=import_id, defaults={"step": "waiting", "started_at": timezone.now()}
        )
        if is_first:
            queue_task(UNDO_TASK, spreadsheet_import, asked_at=at.isoformat(), by_id=by.pk if by else None)
    return spreadsheet_import


@transaction.atomic
def undo(
    *, import_id: int, by: User | None, at: datetime.datetime, on_progress: ProgressCallback = no_progress
) -> SpreadsheetImport:
    """Revert an applied import, except what was redeemed or changed since. Idempotent.

    Revokes allocations it created, reduces those it raised, removes schools it added to the portfolio, restores
    contacts. Notifies schools that had received an e-mail. `outcome["undone"]` holds the figures, and the rows kept
    with the reason. Raises as `request_undo` does.
    """
    spreadsheet_import = _lock_undoable(import_id, ImportState.APPLIED, ImportState.UNDONE)
    if spreadsheet_import.state == ImportState.UNDONE:
        return spreadsheet_import
    list(Pool.objects.locked().filter(pk=spreadsheet_import.pool_id or 0))
    on_progress(AllocationStage.CHECKING, 0, 0)
    plan = build_undo_plan(spreadsheet_import)
    size = len(plan.revoked) + len(plan.reduced) + len(plan.removed) + len(plan.restored)
    on_progress(AllocationStage.TAKING_BACK, 0, size)
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        done, summary = _restore_portfolio(plan, by=by, at=at)
    else:
        done, summary = _take_back(spreadsheet_import, plan, by=by, at=at)
    on_progress(AllocationStage.COMMITTING, size, size)
    if kept := len(done["kept"]):
        summary += " ; " + formatting.pluralize(kept, "ligne laissée telle quelle", "lignes laissées telles quelles")
    spreadsheet_import.state, spreadsheet_import.undone_at, spreadsheet_import.undone_by_id = (
        ImportState.UNDONE,
        at,
        by.pk if by else None,
    )
    spreadsheet_import.outcome = spreadsheet_import.outcome | {"undone": done}
    spreadsheet_import.save(update_fields=["state", "undone_at", "undone_by_id", "outcome"])
    answer_request(spreadsheet_import, RequestAnswer.UNDONE, by=by, at=at)
    audit_log.record(
        action="import.undone",
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » défait : {summary}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )
    return spreadsheet_import


def _lock_undoable(import_id: int, *states: ImportState) -> SpreadsheetImport:
    """Lock the import, whose rows say what to revert, and stay until the transaction ends."""
    spreadsheet_import = lock_import(import_id, *states)
    deleted_at = spreadsheet_import.contents_deleted_at
    if spreadsheet_import.state == ImportState.APPLIED and deleted_at is not None:
        day = formatting.long_date(date_in_paris(deleted_at))
        raise ContentsDeleted(
            f"Le fichier et les lignes de ce tableau ont été supprimés le {day} : il ne se défait plus. Reprenez les "
            "licences des écoles, ou retirez-les du périmètre, une à une ou par lot."
        )
    return spreadsheet_import


def _take_back(
    spreadsheet_import: SpreadsheetImport, plan: UndoPlan, *, by: User | None, at: datetime.datetime
) -> tuple[dict[str, Any], str]:
    """Revoke and reduce allocations; those redeemed meanwhile are added to the rows kept."""
    to_revoke = {one.allocation_id: one for one in plan.revoked}
    to_reduce = {one.uai: one for one in plan.reduced}
    revoked = revoke_many(allocation_ids=list(to_revoke), by=by, at=at, import_id=spreadsheet_import.pk)
    reduced = reduce_many(
        pool_id=spreadsheet_import.pool_id or 0,
        reductions=[Reduction(one.uai, one.units_after) for one in plan.reduced],
        by=by,
        at=at,
        import_id=spreadsheet_import.pk,
    )
    kept = list(plan.kept)
    kept += [
        KeptRow.of(to_revoke[done.allocation_id], done.refusal.code, done.refusal.sentence)
        for done in revoked
        if done.refusal
    ]
    kept += [
        KeptRow.of(to_reduce[done.uai], done.refusal.code, done.refusal.sentence) for done in reduced if done.refusal
    ]
    units = sum(to_revoke[done.allocation_id].units for done in revoked if not done.refusal)
    units += sum(done.before - done.units for done in reduced if not done.refusal)
    figures: dict[str, Any] = {
        "revoked": sum(not done.refusal for done in revoked),
        "reduced": sum(not done.refusal for done in reduced),
        "units": units,
        "messages": sum(done.notified for done in revoked) + sum(done.notified for done in reduced),
        "kept": [one._asdict() for one in sorted(kept, key=lambda one: (one.sheet, one.number))],
    }
    schools = figures["revoked"] + figures["reduced"]
    words = (
        f"{formatting.pluralize(units, 'licence reprise', 'licences reprises')} à"
        f" {formatting.pluralize(schools, 'école')}"
    )
    return figures, words


def _restore_portfolio(plan: UndoPlan, *, by: User | None, at: datetime.datetime) -> tuple[dict[str, Any], str]:
    removed = len(remove_from_portfolio(uais=[one.uai for one in plan.removed], by=by, at=at))
    restored = restore_contacts(contacts={one.uai: one.contact for one in plan.restored}, by=by, at=at)
    figures = {"removed": removed, "restored": restored, "kept": [one._asdict() for one in plan.kept]}
    words = (
        f"{formatting.pluralize(removed, 'école retirée', 'écoles retirées')} du périmètre, "
        f"{formatting.pluralize(restored, 'contact rétabli', 'contacts rétablis')}"
    )
    return figures, words
