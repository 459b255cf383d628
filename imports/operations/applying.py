"""Confirm a checked import, apply it once, or return it to review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.models import Profile
from collectivities import audit
from collectivities.operations import Contact, write_remit
from imports import facts, queries, storing
from imports.brake import brake_of
from imports.enums import ImportState, Purpose, Settlement
from imports.exceptions import Braked, NothingToApply, Outdated, RemitGivesNothing, RowsInError, TooMuch, WrongMoment
from imports.models import Import
from imports.operations.amending import check_again
from imports.operations.awaited import keep_aside
from imports.operations.locking import APPLY_TASK, locked, queue
from imports.operations.reading import remember_layout
from imports.stories import APPLIED
from imports.verdicts import judge
from licensing.pools.checks import due
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations import (
    Demand,
    Reduction,
    Stage,
    Target,
    allocate_many,
    reduce_many,
    revoke_many,
    unwatched,
)
from web import arrays, typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from imports.storing import ShownRow
    from licensing.exceptions import Refused
    from licensing.pools.operations import Watch

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
    typed: int | None = None,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Queue the application of the rows identified by `digest`. Idempotent for the same digest.

    `only_valid`: skip the rows in error. `typed`: the number required by the confirmation guard. Raises
    `WrongImportState`, `NothingToApply` if no row is ticked, `Outdated` if a row changed since, `RowsInError` if some
    are in error without `only_valid`, `NotEnoughLicences`, `ConfirmationRequired` if that number is missing,
    `BadDate` if the e-mails cannot be sent on that day.
    """
    spreadsheet_import = Import.objects.locked().filter(pk=import_id).first()
    if spreadsheet_import is not None and spreadsheet_import.state in (ImportState.APPLYING, ImportState.APPLIED):
        if spreadsheet_import.confirmed_digest == digest:
            return spreadsheet_import
        raise WrongMoment("Ce tableau a déjà été confirmé par un autre membre : rien de plus n'a été appliqué.")
    spreadsheet_import = locked(import_id, ImportState.CHECKED)
    summary = queries.confirmable(spreadsheet_import)
    if not summary.ticked:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à appliquer.")
    if summary.digest != digest:
        raise Outdated("Ce tableau a été modifié pendant que vous le confirmiez. Vérifiez-le de nouveau.")
    if not only_valid and summary.errors:
        words = typography.plural(summary.errors, "ligne est en erreur", "lignes sont en erreur")
        raise RowsInError(
            f"{words} : corrigez-les ou mettez-les de côté, ou choisissez de n'appliquer que les lignes valides. "
            "Rien n'a été appliqué."
        )
    tally = queries.tally_of(spreadsheet_import, summary.ticked, summary.units)
    if missing := tally.missing:
        raise TooMuch(
            f"Il manque {typography.plural(missing, 'licence')} au lot : décochez des lignes, ou réduisez des nombres."
        )
    brake = brake_of(spreadsheet_import, tally)
    if brake is not None and typed != brake.number:
        raise Braked(brake.why)
    _check_send_date(spreadsheet_import, send_on, at)
    (
        spreadsheet_import.state,
        spreadsheet_import.confirmed_digest,
        spreadsheet_import.send_on,
        spreadsheet_import.refusal,
    ) = ImportState.APPLYING, digest, send_on, ""
    spreadsheet_import.applied_by_id = by.pk if by else None
    spreadsheet_import.save(update_fields=["state", "confirmed_digest", "send_on", "refusal", "applied_by_id"])
    if by is not None and by.profile != Profile.PROGRAM:
        # A person saw the detected layout and confirmed it. A program confirms it by `choose_layout` only.
        remember_layout(spreadsheet_import, by=by, at=at)
    queue(APPLY_TASK, spreadsheet_import, confirmed_at=at.isoformat())
    return spreadsheet_import


def _check_send_date(spreadsheet_import: Import, send_on: datetime.date | None, at: datetime.datetime) -> None:
    if send_on is None:
        return
    if spreadsheet_import.pool is None:
        raise RemitGivesNothing("Un tableau du périmètre n'écrit à personne : il n'a pas de date d'envoi.")
    due(send_on, source=spreadsheet_import.pool.source, at=at)


@transaction.atomic
def apply(*, import_id: int, by: User | None, at: datetime.datetime, watch: Watch = unwatched) -> Import:
    """Apply a confirmed import, all or nothing, once: licences, keys and e-mails, or the portfolio.

    Doubtful rows are checked again under the pool's lock. Raises `Outdated` if one differs from what was confirmed, and
    errors of the pool operations; `return_to_review` then handles the import. `watch`: called before each stage; an
    exception rolls everything back.
    """
    spreadsheet_import = Import.objects.locked().get(pk=import_id)
    if spreadsheet_import.state != ImportState.APPLYING:
        return spreadsheet_import  # applied by an earlier run, or cancelled
    list(Pool.objects.locked().filter(pk=spreadsheet_import.pool_id or 0))
    rows = storing.ticked_rows(spreadsheet_import)
    watch(Stage.CHECKING, 0, len(rows))
    _check_unchanged(spreadsheet_import, rows)
    if spreadsheet_import.purpose == Purpose.REMIT:
        spreadsheet_import.outcome, summary = _update_portfolio(rows, by=by, at=at, on_progress=watch)
    else:
        spreadsheet_import.outcome, summary = _allocate(spreadsheet_import, rows, by=by, at=at, on_progress=watch)
    spreadsheet_import.state, spreadsheet_import.applied_at = ImportState.APPLIED, at
    spreadsheet_import.save(update_fields=["state", "applied_at", "outcome"])
    keep_aside(spreadsheet_import)
    audit.record(
        action=APPLIED,
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » appliqué : {summary}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )
    return spreadsheet_import


def _check_unchanged(spreadsheet_import: Import, rows: Sequence[ShownRow]) -> None:
    doubtful = [shown for shown in rows if shown.doubtful]
    context = facts.situation_of(spreadsheet_import, [shown.uai for shown in doubtful])
    if queries.digest(spreadsheet_import) != spreadsheet_import.confirmed_digest or any(
        (now.verdict, now.units_before, now.recipient, now.before)
        != (shown.verdict, shown.units_before, shown.recipient, shown.before)
        for shown in doubtful
        for now in (judge(shown.asked, context),)
    ):
        raise Outdated(_OUTDATED_MESSAGE)


def _allocate(
    spreadsheet_import: Import, rows: Sequence[ShownRow], *, by: User | None, at: datetime.datetime, on_progress: Watch
) -> tuple[dict[str, Any], str]:
    """Apply the conflict resolutions, then allocate; return the figures, and a French summary."""
    pool_id = spreadsheet_import.pool_id or 0
    revoked = [shown for shown in rows if shown.settlement == Settlement.REVOKE]
    reduced = [shown for shown in rows if shown.settlement == Settlement.REDUCE]
    given = [shown for shown in rows if not shown.settlement]
    returned = sum(shown.units_before for shown in revoked)
    returned += sum(shown.units_before - (shown.units or 0) for shown in reduced)
    corrected = 0
    if revoked or reduced:
        # First, so that returned licences can be allocated in the same import.
        on_progress(Stage.TAKING_BACK, 0, len(rows))
        corrected = _take_back(pool_id, revoked, reduced, by=by, at=at, import_id=spreadsheet_import.pk)
    outcome = allocate_many(
        pool_id=pool_id,
        demands=[Demand(shown.uai, shown.units or 0, shown.recipient, total=True) for shown in given],
        by=by,
        at=at,
        send_on=spreadsheet_import.send_on,
        import_id=spreadsheet_import.pk,
        known=[Target(row.uai, row.name, row.mailbox or "", row.state or "") for row in given if row.name is not None],
        watch=on_progress,
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
    words = f"{typography.plural(outcome.units, 'licence')} à {typography.plural(len(given), 'école')}"
    if returned:
        words += (
            f", {typography.plural(returned, 'licence reprise', 'licences reprises')} à "
            f"{typography.plural(len(revoked) + len(reduced), 'école')}"
        )
    return figures, words


def _take_back(
    pool_id: int,
    revoked: Sequence[ShownRow],
    reduced: Sequence[ShownRow],
    *,
    by: User | None,
    at: datetime.datetime,
    import_id: int,
) -> int:
    """Revoke and reduce as resolved; return the number of schools notified. Raises `Outdated`."""
    held = dict(
        Allocation.objects.active()
        .filter(arrays.text_in("school_id", (shown.uai for shown in revoked)), pool_id=pool_id)
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
    refused: list[tuple[str, Refused | None]] = [(held[done.allocation_id], done.refusal) for done in taken]
    refused += [(done.uai, done.refusal) for done in lowered]
    for uai, refusal in refused:
        if refusal is not None:
            raise Outdated(f"{uai} : {refusal.sentence} Rien n'a été appliqué : vérifiez le tableau de nouveau.")
    return sum(done.told for done in taken) + sum(done.told for done in lowered)


def _update_portfolio(
    rows: Sequence[ShownRow], *, by: User | None, at: datetime.datetime, on_progress: Watch
) -> tuple[dict[str, Any], str]:
    on_progress("remit", 0, len(rows))
    entries = {shown.uai: Contact(shown.contact_name, shown.email, shown.phone, shown.classes) for shown in rows}
    written = write_remit(entries=entries, by=by, at=at)
    # The rows are locked only now: they must equal what was shown, as undoing restores that.
    shown_before = {shown.uai: shown.before for shown in rows if shown.before is not None}
    if {uai: contact._asdict() for uai, contact in written.before.items()} != shown_before:
        raise Outdated(_OUTDATED_MESSAGE)
    on_progress(Stage.COMMITTING, len(rows), len(rows))
    figures = {"added": len(written.added), "updated": len(written.updated)}
    words = (
        f"{typography.plural(len(written.added), 'école ajoutée', 'écoles ajoutées')} au périmètre, "
        f"{typography.plural(len(written.updated), 'contact mis à jour', 'contacts mis à jour')}"
    )
    return figures, words


@transaction.atomic
def hand_back(*, import_id: int, sentence: str, code: str = "") -> Import:
    """Return an import whose application failed to review, with the reason and new verdicts."""
    spreadsheet_import = Import.objects.locked().get(pk=import_id)
    if spreadsheet_import.state != ImportState.APPLYING:
        return spreadsheet_import
    spreadsheet_import.state, spreadsheet_import.refusal, spreadsheet_import.confirmed_digest = (
        ImportState.CHECKED,
        sentence,
        "",
    )
    spreadsheet_import.applied_by_id = None
    spreadsheet_import.layout["refused"] = code
    spreadsheet_import.save(update_fields=["state", "refusal", "confirmed_digest", "applied_by_id", "layout"])
    check_again(spreadsheet_import)
    return spreadsheet_import
