"""Undo an applied import: revert what was neither redeemed nor changed since, and list the rest."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from collectivities.operations.portfolio import SchoolContact, lock_contacts, remove_from_portfolio, restore_contacts
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal
from imports.enums import ImportState, Purpose, RequestAnswer, RowEffect
from imports.models import ImportProgress, ImportRow, SpreadsheetImport
from imports.operations.application_requests import answer_request
from imports.operations.import_lock import UNDO_TASK, lock_import, queue_task, record_in_journal
from licensing.entitlements.models import ActivationKey
from licensing.pools.checks import AllocationStage, ProgressCallback, no_progress
from licensing.pools.models import Allocation, Pool
from licensing.pools.queries import find_emailed_ids
from licensing.pools.reductions import Reduction, reduce_many, revoke_many


class PlannedAllocation(NamedTuple):
    """An allocation that would be revoked (`units_after` 0) or reduced, with its row."""

    sheet: int
    number: int
    uai: str
    label: str
    allocation_id: int
    units: int
    units_after: int


class PlannedContact(NamedTuple):
    """A school that would be removed from the portfolio, or whose contact would be restored to `contact`."""

    sheet: int
    number: int
    uai: str
    label: str
    contact: SchoolContact


class KeptRow(NamedTuple):
    """A row whose effect would be kept: stable code, reason in French."""

    sheet: int
    number: int
    uai: str
    label: str
    units: int
    code: str
    reason: str

    @classmethod
    def of(cls, one: PlannedAllocation, code: str, reason: str) -> KeptRow:
        """Return a planned allocation as one that is kept."""
        return cls(one.sheet, one.number, one.uai, one.label, one.units, code, reason)


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """Effects of undoing an import."""

    revoked: list[PlannedAllocation]
    reduced: list[PlannedAllocation]
    removed: list[PlannedContact]
    restored: list[PlannedContact]
    kept: list[KeptRow]
    #: Schools that would be notified: those that had received an e-mail.
    messages: int

    @property
    def units(self) -> int:
        """Licences that would return to the pool."""
        return sum(one.units - one.units_after for one in (*self.revoked, *self.reduced))


def build_undo_plan(spreadsheet_import: SpreadsheetImport) -> UndoPlan:
    """Return the plan of undoing an applied import now. Locks its portfolio entries."""
    return (
        _plan_portfolio(spreadsheet_import)
        if spreadsheet_import.purpose == Purpose.PORTFOLIO
        else _plan_licences(spreadsheet_import)
    )


def _plan_licences(spreadsheet_import: SpreadsheetImport) -> UndoPlan:
    revoked: list[PlannedAllocation] = []
    reduced: list[PlannedAllocation] = []
    kept = []
    # Three queries instead of a join: before the tables are analysed after a large import, the planner would choose
    # nested loops.
    applied = ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).order_by("sheet", "number")
    fields = ("sheet", "number", "uai", "label", "done", "units", "units_before")
    rows: list[Any] = list(applied.values_list(*fields, named=True))
    active = Allocation.objects.active().filter(school_id__in_array=[row.uai for row in rows])
    held = {one.school_id: one for one in active.filter(pool_id=spreadsheet_import.pool_id or 0)}
    keys = ActivationKey.objects.filter(pk__in_array=[one.key_id for one in held.values()])
    redeemed = dict(keys.filter(redeemed_at__isnull=False).values_list("pk", "redeemed_at"))
    for row in rows:
        allocation = held.get(row.uai)
        redeemed_at = redeemed.get(allocation.key_id) if allocation else None
        reason = _reason_to_keep(row, allocation, redeemed_at, spreadsheet_import)
        if reason is not None:
            units = allocation.units if allocation else 0
            kept.append(KeptRow(row.sheet, row.number, row.uai, row.label, units, *reason))
            continue
        after = row.units_before if row.done == RowEffect.GROWN else 0
        allocation_id = allocation.pk if allocation else 0
        (reduced if after else revoked).append(
            PlannedAllocation(row.sheet, row.number, row.uai, row.label, allocation_id, row.units or 0, after)
        )
    notified = find_emailed_ids([one.allocation_id for one in (*revoked, *reduced)])
    return UndoPlan(revoked, reduced, [], [], kept, messages=len(notified))


def _reason_to_keep(
    row: Any,
    allocation: Allocation | None,
    redeemed_at: datetime.datetime | None,
    spreadsheet_import: SpreadsheetImport,
) -> tuple[str, str] | None:
    """Return the code and reason for which a row is kept, None if it can be reverted.

    `allocation`: that of its school from the pool, now.
    """
    if row.done in (RowEffect.REDUCED, RowEffect.REVOKED):
        return _reason_not_restored(row)
    if allocation is None:
        return "already_revoked", "L'attribution a déjà été reprise depuis."
    if redeemed_at is not None:
        day = formatting.long_date(date_in_paris(redeemed_at))
        return "already_redeemed", f"La clé a été activée le {day} : l'école garde ses licences."
    applied_at = spreadsheet_import.applied_at
    made_here = allocation.import_id == spreadsheet_import.pk
    stood_before = applied_at is not None and allocation.created_at <= applied_at
    if not (made_here if row.done == RowEffect.CREATED else stood_before):
        return "replaced", "L'attribution a été reprise depuis, et l'école en a reçu une autre."
    if allocation.units != (row.units or 0):
        return "changed", (
            f"L'attribution a changé depuis ({allocation.units} au lieu de {row.units or 0}) : elle reste comme elle "
            "est."
        )
    return None


def _reason_not_restored(row: Any) -> tuple[str, str]:
    if row.done == RowEffect.REDUCED:
        return "was_reduced", (
            f"Ce tableau avait réduit l'attribution de {row.units_before} à {row.units or 0} : attribuez de nouveau ce "
            "qui manque, s'il le faut."
        )
    return "was_revoked", (
        "Ce tableau avait repris la clé, qui ne revit pas : attribuez de nouveau, avec une nouvelle clé, s'il le faut."
    )


def _plan_portfolio(spreadsheet_import: SpreadsheetImport) -> UndoPlan:
    rows = list(ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).order_by("sheet", "number"))
    uais = [row.uai for row in rows]
    now = lock_contacts(uais)
    served = set(Allocation.objects.active().filter(school_id__in_array=uais).values_list("school_id", flat=True))
    removed, restored, kept = [], [], []
    for row in rows:
        before = SchoolContact(**row.before) if row.before is not None else None
        reason = _reason_to_keep_contact(row, before, now.get(row.uai), served=row.uai in served)
        if reason is not None:
            kept.append(KeptRow(row.sheet, row.number, row.uai, row.label, 0, *reason))
        elif before is None:
            removed.append(PlannedContact(row.sheet, row.number, row.uai, row.label, SchoolContact()))
        else:
            restored.append(PlannedContact(row.sheet, row.number, row.uai, row.label, before))
    return UndoPlan([], [], removed, restored, kept, messages=0)


def _reason_to_keep_contact(
    row: ImportRow, before: SchoolContact | None, now: SchoolContact | None, *, served: bool
) -> tuple[str, str] | None:
    if now is None:
        return "removed", "L'école a déjà été retirée du périmètre depuis."
    if now != SchoolContact(row.contact_name, row.email, row.phone, row.classes).over(before or SchoolContact()):
        return "changed", "Le contact ou le nombre de classes a changé depuis : il reste comme il est."
    if before is None and served:
        return "served", "L'école a reçu des licences : elle reste dans le périmètre."
    return None


def get_undo_plan(import_id: int) -> UndoPlan:
    """Return the plan of undoing the import now. Raises like `undo`."""
    with transaction.atomic():
        return build_undo_plan(_lock_undoable(import_id, ImportState.APPLIED))


@transaction.atomic
def request_undo(*, import_id: int, by: User | None, at: datetime.datetime) -> SpreadsheetImport:
    """Queue the undoing of an applied import. Idempotent.

    Raises `Refusal`, also where its rows are kept no longer (`contents_deleted`).
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
    spreadsheet_import.state, spreadsheet_import.undone_at = ImportState.UNDONE, at
    spreadsheet_import.undone_by_id = by.pk if by else None
    spreadsheet_import.outcome = spreadsheet_import.outcome | {"undone": done}
    spreadsheet_import.save(update_fields=["state", "undone_at", "undone_by_id", "outcome"])
    answer_request(spreadsheet_import, RequestAnswer.UNDONE, by=by, at=at)
    record_in_journal("import.undone", spreadsheet_import, f"défait : {summary}", by=by, at=at)
    return spreadsheet_import


def _lock_undoable(import_id: int, *states: ImportState) -> SpreadsheetImport:
    """Lock the import, whose rows say what to revert, and stay until the transaction ends."""
    spreadsheet_import = lock_import(import_id, *states)
    deleted_at = spreadsheet_import.contents_deleted_at
    if spreadsheet_import.state == ImportState.APPLIED and deleted_at is not None:
        day = formatting.long_date(date_in_paris(deleted_at))
        raise Refusal(
            "contents_deleted",
            f"Le fichier et les lignes de ce tableau ont été supprimés le {day} : il ne se défait plus. Reprenez les "
            "licences des écoles, ou retirez-les du périmètre, une à une ou par lot.",
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
