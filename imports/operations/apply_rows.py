"""Confirm a checked import, apply it once, or return it to review."""

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from accounts.models import Profile, User
from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio import SchoolContact, write_portfolio
from core import formatting
from core.confirmation_guard import MIN_SCHOOLS, ConfirmationGuard, is_large_share
from core.exceptions import DomainError, Refusal
from imports import queries
from imports import rows as import_rows
from imports.checks import context_queries
from imports.checks.problem_codes import OTHER_POOL_CODES
from imports.checks.row_checks import check_row
from imports.enums import APPLIED_ACTION, ConflictResolution, ImportState, Purpose, RequestAnswer, Verdict
from imports.exceptions import NothingToApply, RowsInError
from imports.models import ImportRow, SpreadsheetImport
from imports.operations.application_requests import answer_request
from imports.operations.import_lock import APPLY_TASK, lock_import, queue_task, record_in_journal
from imports.operations.intake import remember_layout
from imports.operations.recheck import recheck_import
from imports.rows import ConfirmedRow
from licensing.pools.checks import AllocationStage, Demand, ProgressCallback, TargetSchool, compute_due_at, no_progress
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations import allocate_many
from licensing.pools.queries import list_holdings, list_sibling_pools
from licensing.pools.reductions import Reduction, reduce_many, revoke_many

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


_OUTDATED_MESSAGE = (
    "La situation a changé depuis la vérification (des licences ont été attribuées ou reprises, le périmètre ou "
    "l'annuaire ont été mis à jour). Rien n'a été appliqué : vérifiez le tableau de nouveau, puis confirmez."
)


@transaction.atomic
def confirm(
    *,
    import_id: int,
    digest: str,
    send_on: datetime.date | None,
    only_valid: bool = False,
    confirmed_count: int | None = None,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Queue the application of the rows identified by `digest`. Idempotent for the same digest.

    `only_valid`: skip the rows in error. `confirmed_count`: the number required by the confirmation guard. Raises
    `NothingToApply`, `RowsInError` without `only_valid`, `QuestionsOpen`; else `Refusal`: not in review, changed since
    (`outdated`), too few licences in the pool, that number missing (`confirmation_required`), or no e-mail can leave on
    that day.
    """
    spreadsheet_import = SpreadsheetImport.objects.locked().filter(pk=import_id).first()
    if spreadsheet_import is not None and spreadsheet_import.state in (ImportState.APPLYING, ImportState.APPLIED):
        if spreadsheet_import.confirmed_digest == digest:
            return spreadsheet_import
        raise Refusal(
            "invalid_state", "Ce tableau a déjà été confirmé par un autre membre : rien de plus n'a été appliqué."
        )
    spreadsheet_import = lock_import(import_id, ImportState.CHECKED)
    summary = queries.get_confirmation_summary(spreadsheet_import)
    if not summary.ticked:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à appliquer.")
    if summary.digest != digest:
        raise Refusal("outdated", "Ce tableau a été modifié pendant que vous le confirmiez. Vérifiez-le de nouveau.")
    if not only_valid and summary.errors:
        words = formatting.pluralize(summary.errors, "ligne est en erreur", "lignes sont en erreur")
        raise RowsInError(
            f"{words} : corrigez-les ou mettez-les de côté, ou choisissez de n'appliquer que les lignes valides. "
            "Rien n'a été appliqué."
        )
    tally = queries.build_tally(spreadsheet_import, summary.ticked, summary.units)
    if missing := tally.missing:
        raise Refusal(
            "not_enough_licences",
            f"Il manque {formatting.pluralize(missing, 'licence')} au lot : décochez des lignes, ou réduisez des"
            " nombres.",
        )
    confirmation_guard = build_guard(spreadsheet_import, tally)
    if confirmation_guard is not None and confirmed_count != confirmation_guard.number:
        raise Refusal("confirmation_required", confirmation_guard.why)
    _check_send_date(spreadsheet_import, send_on, at)
    spreadsheet_import.state, spreadsheet_import.confirmed_digest = ImportState.APPLYING, digest
    spreadsheet_import.send_on, spreadsheet_import.refusal = send_on, ""
    spreadsheet_import.applied_by_id = by.pk if by else None
    spreadsheet_import.save(update_fields=["state", "confirmed_digest", "send_on", "refusal", "applied_by_id"])
    if by is not None and by.profile != Profile.PROGRAM:
        # A person saw the detected layout and confirmed it. A program confirms it by `choose_layout` only.
        remember_layout(spreadsheet_import, by=by, at=at)
    queue_task(APPLY_TASK, spreadsheet_import, confirmed_at=at.isoformat())
    return spreadsheet_import


def _check_send_date(
    spreadsheet_import: SpreadsheetImport, send_on: datetime.date | None, at: datetime.datetime
) -> None:
    if send_on is None:
        return
    if spreadsheet_import.pool is None:
        raise Refusal("not_an_allocation", "Un tableau du périmètre n'écrit à personne : il n'a pas de date d'envoi.")
    compute_due_at(send_on, entitlement=spreadsheet_import.pool.entitlement, at=at)


@transaction.atomic
def apply(
    *, import_id: int, by: User | None, at: datetime.datetime, on_progress: ProgressCallback = no_progress
) -> SpreadsheetImport:
    """Apply a confirmed import, all or nothing, once: licences, keys and e-mails, or the portfolio.

    Doubtful rows are checked again under the pool's lock. Raises `Refusal` if one differs from what was confirmed, and
    errors of the pool operations; `return_to_review` then handles the import. `on_progress`: called before each
    stage; an exception rolls everything back.
    """
    spreadsheet_import = SpreadsheetImport.objects.locked().get(pk=import_id)
    if spreadsheet_import.state != ImportState.APPLYING:
        return spreadsheet_import  # applied by an earlier run, or cancelled
    list(Pool.objects.locked().filter(pk=spreadsheet_import.pool_id or 0))
    rows = import_rows.list_ticked_rows(spreadsheet_import)
    on_progress(AllocationStage.CHECKING, 0, len(rows))
    _check_unchanged(spreadsheet_import, rows)
    _check_other_pools(spreadsheet_import, rows)
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        spreadsheet_import.outcome, summary = _update_portfolio(rows, by=by, at=at, on_progress=on_progress)
    else:
        spreadsheet_import.outcome, summary = _allocate(spreadsheet_import, rows, by=by, at=at, on_progress=on_progress)
    spreadsheet_import.state, spreadsheet_import.applied_at = ImportState.APPLIED, at
    spreadsheet_import.save(update_fields=["state", "applied_at", "outcome"])
    _mark_awaited(spreadsheet_import)
    answer_request(spreadsheet_import, RequestAnswer.APPLIED, by=by, at=at)
    record_in_journal(APPLIED_ACTION, spreadsheet_import, f"appliqué : {summary}", by=by, at=at)
    return spreadsheet_import


def _mark_awaited(spreadsheet_import: SpreadsheetImport) -> None:
    """Mark the rows with a UAI unknown to the directory as awaited."""
    left_out = ImportRow.objects.filter(
        import_id=spreadsheet_import.pk, verdict=Verdict.ERROR, codes__contains=["unknown_school"]
    )
    left_out.exclude(uai="").update(awaited=True)


def _check_unchanged(spreadsheet_import: SpreadsheetImport, rows: Sequence[ConfirmedRow]) -> None:
    doubtful = [shown for shown in rows if shown.doubtful]
    context = context_queries.load_context(spreadsheet_import, [shown.uai for shown in doubtful])
    if queries.compute_digest(spreadsheet_import) != spreadsheet_import.confirmed_digest or any(
        (now.verdict, now.units_before, now.recipient, now.before)
        != (shown.verdict, shown.units_before, shown.recipient, shown.before)
        for shown in doubtful
        for now in (check_row(shown.check_request, context),)
    ):
        raise Refusal("outdated", _OUTDATED_MESSAGE)


def _check_other_pools(spreadsheet_import: SpreadsheetImport, rows: Sequence[ConfirmedRow]) -> None:
    """Raise `Refusal` where a school got licences of another pool since: whether to give more was not asked."""
    pool = spreadsheet_import.pool
    giving = [row.uai for row in rows if not row.conflict_resolution and (row.units or 0) > row.units_before]
    held = list_holdings(list_sibling_pools(pool), giving) if pool else {}
    if not held:
        return
    answered = ImportRow.objects.filter(
        import_id=spreadsheet_import.pk, ticked=True, codes__overlap=list(OTHER_POOL_CODES)
    )
    if held.keys() - set(answered.values_list("uai", flat=True)):
        raise Refusal("outdated", _OUTDATED_MESSAGE)


def _allocate(
    spreadsheet_import: SpreadsheetImport,
    rows: Sequence[ConfirmedRow],
    *,
    by: User | None,
    at: datetime.datetime,
    on_progress: ProgressCallback,
) -> tuple[dict[str, Any], str]:
    """Apply the conflict resolutions, then allocate; return the figures, and a French summary."""
    pool_id = spreadsheet_import.pool_id or 0
    revoked = [shown for shown in rows if shown.conflict_resolution == ConflictResolution.REVOKE]
    reduced = [shown for shown in rows if shown.conflict_resolution == ConflictResolution.REDUCE]
    given = [shown for shown in rows if not shown.conflict_resolution]
    returned = sum(shown.units_before for shown in revoked)
    returned += sum(shown.units_before - (shown.units or 0) for shown in reduced)
    corrected = 0
    if revoked or reduced:
        # First, so that returned licences can be allocated in the same import.
        on_progress(AllocationStage.TAKING_BACK, 0, len(rows))
        corrected = _take_back(pool_id, revoked, reduced, by=by, at=at, import_id=spreadsheet_import.pk)
    outcome = allocate_many(
        pool_id=pool_id,
        demands=[Demand(shown.uai, shown.units or 0, shown.recipient, total=True) for shown in given],
        by=by,
        at=at,
        send_on=spreadsheet_import.send_on,
        import_id=spreadsheet_import.pk,
        known_schools=[
            TargetSchool(row.uai, row.name, row.mailbox or "", row.state or "") for row in given if row.name is not None
        ],
        on_progress=on_progress,
    )
    figures = {
        "allocations": outcome.created,
        "grown": outcome.grown,
        "reduced": len(reduced),
        "revoked": len(revoked),
        "units": outcome.units,
        "returned": returned,
        "messages": outcome.created + outcome.grown + corrected,
    }
    words = f"{formatting.pluralize(outcome.units, 'licence')} à {formatting.pluralize(len(given), 'école')}"
    if returned:
        words += (
            f", {formatting.pluralize(returned, 'licence reprise', 'licences reprises')} à "
            f"{formatting.pluralize(len(revoked) + len(reduced), 'école')}"
        )
    return figures, words


def _take_back(
    pool_id: int,
    revoked: Sequence[ConfirmedRow],
    reduced: Sequence[ConfirmedRow],
    *,
    by: User | None,
    at: datetime.datetime,
    import_id: int,
) -> int:
    """Revoke and reduce as resolved; return the number of schools notified. Raises `Refusal`."""
    held = dict(
        Allocation.objects.active()
        .filter(school_id__in_array=[shown.uai for shown in revoked], pool_id=pool_id)
        .values_list("pk", "school_id")
    )
    taken = revoke_many(allocation_ids=list(held), by=by, at=at, import_id=import_id)
    lowered = reduce_many(
        pool_id=pool_id,
        reductions=[Reduction(shown.uai, shown.units or 0) for shown in reduced],
        by=by,
        at=at,
        import_id=import_id,
    )
    refused: list[tuple[str, DomainError | None]] = [(held[done.allocation_id], done.refusal) for done in taken]
    refused += [(done.uai, done.refusal) for done in lowered]
    for uai, refusal in refused:
        if refusal is not None:
            raise Refusal(
                "outdated", f"{uai} : {refusal.sentence} Rien n'a été appliqué : vérifiez le tableau de nouveau."
            )
    return sum(done.notified for done in taken) + sum(done.notified for done in lowered)


def _update_portfolio(
    rows: Sequence[ConfirmedRow], *, by: User | None, at: datetime.datetime, on_progress: ProgressCallback
) -> tuple[dict[str, Any], str]:
    on_progress("portfolio", 0, len(rows))
    entries = {shown.uai: SchoolContact(shown.contact_name, shown.email, shown.phone, shown.classes) for shown in rows}
    written = write_portfolio(entries=entries, by=by, at=at)
    # The rows are locked only now: they must equal what was shown, as undoing restores that.
    shown_before = {shown.uai: shown.before for shown in rows if shown.before is not None}
    if {uai: contact._asdict() for uai, contact in written.before.items()} != shown_before:
        raise Refusal("outdated", _OUTDATED_MESSAGE)
    on_progress(AllocationStage.COMMITTING, len(rows), len(rows))
    figures = {"added": len(written.added), "updated": len(written.updated)}
    words = (
        f"{formatting.pluralize(len(written.added), 'école ajoutée', 'écoles ajoutées')} au périmètre, "
        f"{formatting.pluralize(len(written.updated), 'école mise à jour', 'écoles mises à jour')}"
    )
    return figures, words


@transaction.atomic
def return_to_review(*, import_id: int, sentence: str, code: str = "") -> SpreadsheetImport:
    """Return an import whose application failed to review, with the reason and new verdicts."""
    spreadsheet_import = SpreadsheetImport.objects.locked().get(pk=import_id)
    if spreadsheet_import.state != ImportState.APPLYING:
        return spreadsheet_import
    spreadsheet_import.state, spreadsheet_import.refusal = ImportState.CHECKED, sentence
    spreadsheet_import.confirmed_digest, spreadsheet_import.applied_by_id = "", None
    spreadsheet_import.layout = replace(spreadsheet_import.layout, error_code=code)
    spreadsheet_import.save(update_fields=["state", "refusal", "confirmed_digest", "applied_by_id", "layout"])
    recheck_import(spreadsheet_import)
    return spreadsheet_import
