"""A checked import is confirmed, applied once, or handed back with the reason."""

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

_CHANGED = (
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
    """Queue the application of what was shown. `digest` says what that was; confirming twice is the same as once.

    `only_valid`: the rows in error are left as they are, and the others applied. `typed`: the number that the brake
    asks for. Raises `Outdated` where a row was changed since, `NothingToApply` where none is ticked, `RowsInError`
    where some are left and nobody said to go on without them, `TooMuch` where the lot lacks licences, `Braked` where
    the brake's number was not typed, `BadDate` where the e-mails cannot leave that day.
    """
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is not None and table.state in (ImportState.APPLYING, ImportState.APPLIED):
        if table.confirmed_digest == digest:
            return table
        raise WrongMoment("Ce tableau a déjà été confirmé par un autre membre : rien de plus n'a été appliqué.")
    table = locked(import_id, ImportState.CHECKED)
    seen = queries.confirmable(table)
    if not seen.ticked:
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à appliquer.")
    if seen.digest != digest:
        raise Outdated("Ce tableau a été modifié pendant que vous le confirmiez. Vérifiez-le de nouveau.")
    if not only_valid and seen.errors:
        words = typography.plural(seen.errors, "ligne est en erreur", "lignes sont en erreur")
        raise RowsInError(
            f"{words} : corrigez-les ou mettez-les de côté, ou choisissez de n'appliquer que les lignes valides. "
            "Rien n'a été appliqué."
        )
    tally = queries.tally_of(table, seen.ticked, seen.units)
    if missing := tally.missing:
        raise TooMuch(
            f"Il manque {typography.plural(missing, 'licence')} au lot : décochez des lignes, ou réduisez des nombres."
        )
    brake = brake_of(table, tally)
    if brake is not None and typed != brake.number:
        raise Braked(brake.why)
    _check_day(table, send_on, at)
    table.state, table.confirmed_digest, table.send_on, table.refusal = ImportState.APPLYING, digest, send_on, ""
    table.applied_by_id = by.pk if by else None
    table.save(update_fields=["state", "confirmed_digest", "send_on", "refusal", "applied_by_id"])
    if by is not None and by.profile != Profile.PROGRAM:
        # A person saw what the columns were read as, and goes on with it. A program says so by `choose`, or not at all.
        remember_layout(table, by=by, at=at)
    queue(APPLY_TASK, table, confirmed_at=at.isoformat())
    return table


def _check_day(table: Import, send_on: datetime.date | None, at: datetime.datetime) -> None:
    if send_on is None:
        return
    if table.pool is None:
        raise RemitGivesNothing("Un tableau du périmètre n'écrit à personne : il n'a pas de date d'envoi.")
    due(send_on, source=table.pool.source, at=at)


@transaction.atomic
def apply(*, import_id: int, by: User | None, at: datetime.datetime, watch: Watch = unwatched) -> Import:
    """Carry out a confirmed import, all or nothing, once: licences, keys and e-mails, or the remit.

    The verdicts are made again under the pool's lock. Raises `Outdated` where one differs from what was shown, and
    what the pools' operations raise; `hand_back` then returns the import to its members. `watch` is told of each
    stage before it begins; what it raises undoes everything.
    """
    table = Import.objects.locked().get(pk=import_id)
    if table.state != ImportState.APPLYING:
        return table  # applied by a run before, or cancelled
    list(Pool.objects.locked().filter(pk=table.pool_id or 0))
    rows = storing.ticked_rows(table)
    watch(Stage.CHECKING, 0, len(rows))
    _check_unchanged(table, rows)
    if table.purpose == Purpose.REMIT:
        table.outcome, summary = _write_remit(rows, by=by, at=at, watch=watch)
    else:
        table.outcome, summary = _give(table, rows, by=by, at=at, watch=watch)
    table.state, table.applied_at = ImportState.APPLIED, at
    table.save(update_fields=["state", "applied_at", "outcome"])
    keep_aside(table)
    audit.record(
        action=APPLIED,
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » appliqué : {summary}.",
        object_type="import",
        object_id=table.pk,
    )
    return table


def _check_unchanged(table: Import, rows: Sequence[ShownRow]) -> None:
    doubtful = [shown for shown in rows if shown.doubtful]
    situation = facts.situation_of(table, [shown.uai for shown in doubtful])
    if queries.digest(table) != table.confirmed_digest or any(
        (now.verdict, now.units_before, now.recipient, now.before)
        != (shown.verdict, shown.units_before, shown.recipient, shown.before)
        for shown in doubtful
        for now in (judge(shown.asked, situation),)
    ):
        raise Outdated(_CHANGED)


def _give(
    table: Import, rows: Sequence[ShownRow], *, by: User | None, at: datetime.datetime, watch: Watch
) -> tuple[dict[str, Any], str]:
    """Take back what the settled conflicts say, then give; return what was done, in figures and in words."""
    pool_id = table.pool_id or 0
    revoked = [shown for shown in rows if shown.settlement == Settlement.REVOKE]
    reduced = [shown for shown in rows if shown.settlement == Settlement.REDUCE]
    given = [shown for shown in rows if not shown.settlement]
    returned = sum(shown.units_before for shown in revoked)
    returned += sum(shown.units_before - (shown.units or 0) for shown in reduced)
    corrected = 0
    if revoked or reduced:
        # First: what comes back may be given in the same breath.
        watch(Stage.TAKING_BACK, 0, len(rows))
        corrected = _take_back(pool_id, revoked, reduced, by=by, at=at, import_id=table.pk)
    outcome = allocate_many(
        pool_id=pool_id,
        demands=[Demand(shown.uai, shown.units or 0, shown.recipient, total=True) for shown in given],
        by=by,
        at=at,
        send_on=table.send_on,
        import_id=table.pk,
        known=[Target(row.uai, row.name, row.mailbox or "", row.state or "") for row in given if row.name is not None],
        watch=watch,
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
    """Revoke and reduce as the conflicts were settled; return how many schools are told. One refusal refuses all."""
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


def _write_remit(
    rows: Sequence[ShownRow], *, by: User | None, at: datetime.datetime, watch: Watch
) -> tuple[dict[str, Any], str]:
    watch("remit", 0, len(rows))
    entries = {shown.uai: Contact(shown.contact_name, shown.email, shown.phone, shown.classes) for shown in rows}
    written = write_remit(entries=entries, by=by, at=at)
    # The rows were locked only now: what stood there must be what was shown, and what undoing would put back.
    shown_before = {shown.uai: shown.before for shown in rows if shown.before is not None}
    if {uai: contact._asdict() for uai, contact in written.before.items()} != shown_before:
        raise Outdated(_CHANGED)
    watch(Stage.COMMITTING, len(rows), len(rows))
    figures = {"added": len(written.added), "updated": len(written.updated)}
    words = (
        f"{typography.plural(len(written.added), 'école ajoutée', 'écoles ajoutées')} au périmètre, "
        f"{typography.plural(len(written.updated), 'contact mis à jour', 'contacts mis à jour')}"
    )
    return figures, words


@transaction.atomic
def hand_back(*, import_id: int, sentence: str, code: str = "") -> Import:
    """Return an import whose application was refused to its members, with the reason and with fresh verdicts."""
    table = Import.objects.locked().get(pk=import_id)
    if table.state != ImportState.APPLYING:
        return table
    table.state, table.refusal, table.confirmed_digest = ImportState.CHECKED, sentence, ""
    table.applied_by_id = None
    table.layout["refused"] = code
    table.save(update_fields=["state", "refusal", "confirmed_digest", "applied_by_id", "layout"])
    check_again(table)
    return table
