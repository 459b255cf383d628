"""A checked import is confirmed, applied once, or handed back with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from collectivities import audit
from imports import facts, queries, storing
from imports.enums import ImportState
from imports.exceptions import NothingToApply, Outdated, TooMuch, WrongMoment
from imports.models import Import, ImportRow
from imports.operations.amending import check_again
from imports.operations.locking import APPLY_TASK, locked, queue
from imports.verdicts import judge
from licensing.pools.models import Pool
from licensing.pools.operations import Demand, allocate_many
from web import typography

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


@transaction.atomic
def confirm(
    *,
    import_id: int,
    digest: str,
    send_on: datetime.date | None,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Queue the application of what was shown. `digest` says what that was; confirming twice is the same as once.

    Raises `Outdated` where a row was changed since, `NothingToApply` where none is ticked.
    """
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is not None and table.state in (ImportState.APPLYING, ImportState.APPLIED):
        if table.confirmed_digest == digest:
            return table
        raise WrongMoment("Ce tableau a déjà été confirmé par un autre membre : rien de plus n'a été attribué.")
    table = locked(import_id, ImportState.CHECKED)
    if not ImportRow.objects.filter(import_id=import_id, ticked=True).exists():
        raise NothingToApply("Aucune ligne n'est cochée : il n'y a rien à attribuer.")
    if queries.digest(table) != digest:
        raise Outdated("Ce tableau a été modifié pendant que vous le confirmiez. Vérifiez-le de nouveau.")
    if missing := queries.tally(table).missing:
        raise TooMuch(
            f"Il manque {typography.plural(missing, 'licence')} au lot : décochez des lignes, ou réduisez des nombres."
        )
    table.state, table.confirmed_digest, table.send_on, table.refusal = ImportState.APPLYING, digest, send_on, ""
    table.applied_by_id = by.pk if by else None
    table.save(update_fields=["state", "confirmed_digest", "send_on", "refusal", "applied_by_id"])
    queue(APPLY_TASK, table, confirmed_at=at.isoformat())
    return table


@transaction.atomic
def apply(*, import_id: int, by: User | None, at: datetime.datetime) -> Import:
    """Carry out a confirmed import: allocations, keys and e-mails, all or nothing, once.

    The verdicts are made again under the pool's lock. Raises `Outdated` where one differs from what was shown, and
    what `allocate_many` raises; `hand_back` then returns the import to its members.
    """
    table = Import.objects.locked().get(pk=import_id)
    if table.state != ImportState.APPLYING:
        return table  # applied by a run before, or cancelled
    list(Pool.objects.locked().filter(pk=table.pool_id or 0))
    rows = storing.ticked_rows(import_id)
    situation = facts.situation_of(table, [shown.asked.school.uai for shown in rows])
    if queries.digest(table) != table.confirmed_digest or any(
        (now.verdict, now.units_before, now.recipient, now.before)
        != (shown.verdict, shown.units_before, shown.recipient, shown.before)
        for shown in rows
        for now in (judge(shown.asked, situation),)
    ):
        raise Outdated(
            "La situation a changé depuis la vérification (des licences ont été attribuées ou reprises, ou l'annuaire "
            "a été mis à jour). Rien n'a été attribué : vérifiez le tableau de nouveau, puis confirmez."
        )
    outcome = allocate_many(
        pool_id=table.pool_id or 0,
        demands=[Demand(shown.asked.school.uai, shown.units or 0, shown.recipient, total=True) for shown in rows],
        by=by,
        at=at,
        send_on=table.send_on,
        import_id=table.pk,
    )
    table.state, table.applied_at = ImportState.APPLIED, at
    table.outcome = {
        "allocations": outcome.created,
        "grown": outcome.grown,
        "units": outcome.units,
        "messages": outcome.created + outcome.grown,
    }
    table.save(update_fields=["state", "applied_at", "outcome"])
    audit.record(
        action="import.applied",
        by=by,
        at=at,
        summary=(
            f"Tableau « {table.filename} » appliqué : {typography.plural(outcome.units, 'licence')} à "
            f"{typography.plural(len(rows), 'école')}."
        ),
        object_type="import",
        object_id=table.pk,
    )
    return table


@transaction.atomic
def hand_back(*, import_id: int, sentence: str) -> Import:
    """Return an import whose application was refused to its members, with the reason and with fresh verdicts."""
    table = Import.objects.locked().get(pk=import_id)
    if table.state != ImportState.APPLYING:
        return table
    table.state, table.refusal, table.confirmed_digest = ImportState.CHECKED, sentence, ""
    table.applied_by_id = None
    table.save(update_fields=["state", "refusal", "confirmed_digest", "applied_by_id"])
    check_again(table)
    return table
